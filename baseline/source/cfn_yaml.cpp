#include "baseline/source/cfn_yaml.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <istream>
#include <new>
#include <unordered_set>
#include <vector>

#include "baseline/source/json_writer.hpp"
#include "baseline/value/yaml_input.hpp"
#include "baseline/value/yaml_scalar.hpp"
#include "include/config/yaml_tree.hpp"

namespace plumbline::baseline {
namespace {

using config::Mark;
using config::place_of;
using config::refuse_at;

constexpr std::size_t max_depth = 100;
constexpr std::size_t max_template = std::size_t{8} << 20;  // CloudFormation itself takes 1 MB

/// "!Ref" → "Ref", "!Sub" → "Fn::Sub"; "" for what is no short form.
std::string function_of(const std::string& tag) {
  if (tag.size() < 2 || tag[0] != '!' || tag[1] == '!') return "";
  const std::string name = tag.substr(1);
  return name == "Ref" || name == "Condition" ? name : "Fn::" + name;
}

/// Writes what the parser tells as JSON, at once.
class Converter final : public YAML::EventHandler {
 public:
  Converter(const std::string& origin, JsonWriter& out) : origin_(origin), out_(out) {}

  bool is_empty() const { return is_empty_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { write_scalar(mark, "?", "null"); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse_at(place_of(origin_, mark_of(mark)), "an alias, which CloudFormation does not take", "write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& value) override {
    write_scalar(mark, tag, value);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, '[');
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, YAML::EmitterStyle::value) override {
    open(mark, tag, '{');
  }
  void OnMapEnd() override { close(); }

 private:
  struct Container {
    bool is_map;
    bool has_function;  ///< stands in an object of its own, which ends with it
    bool key_is_next;
    std::unordered_set<std::string> keys;
  };

  bool is_key() const { return !open_.empty() && open_.back().is_map && open_.back().key_is_next; }
  void value_is_done() {
    if (!open_.empty()) open_.back().key_is_next = true;
  }

  void write_scalar(const YAML::Mark& mark, const std::string& tag, const std::string& value) {
    is_empty_ = false;
    if (is_key()) return write_key(mark, tag, value);
    const auto function = function_of(tag);
    if (function.empty()) {
      put(yaml_scalar(tag, value));
    } else {
      out_.open('{');
      out_.key(function);
      const auto dot = value.find('.');
      if (function == "Fn::GetAtt" && dot != std::string::npos) {
        out_.open('[');
        out_.text(value.substr(0, dot));
        out_.text(value.substr(dot + 1));
        out_.close();
      } else {
        out_.text(value);
      }
      out_.close();
    }
    value_is_done();
  }

  void write_key(const YAML::Mark& mark, const std::string& tag, const std::string& value) {
    if (!function_of(tag).empty()) refuse_at(place_of(origin_, mark_of(mark)), "a key that is a function");
    if (!open_.back().keys.insert(value).second)
      refuse_at(place_of(origin_, mark_of(mark)), "the key `" + config::shown(value) + "` stands twice in one map",
                "keep one");
    out_.key(value);
    open_.back().key_is_next = false;
  }

  void put(const YamlScalar& scalar) {
    if (scalar.type == YamlType::text)
      out_.text(scalar.text);
    else
      out_.raw(scalar.text);
  }

  void open(const YAML::Mark& mark, const std::string& tag, char bracket) {
    is_empty_ = false;
    // Before the parser goes on: its own recursion has no small bound in every version.
    if (open_.size() == max_depth) refuse_at(place_of(origin_, mark_of(mark)), "nested deeper than 100 levels");
    if (is_key()) refuse_at(place_of(origin_, mark_of(mark)), "a key that is a list or a map");
    const auto function = function_of(tag);
    if (!function.empty()) {
      out_.open('{');
      out_.key(function);
    }
    out_.open(bracket);
    open_.push_back({bracket == '{', !function.empty(), true, {}});
  }

  void close() {
    out_.close();
    if (open_.back().has_function) out_.close();
    open_.pop_back();
    value_is_done();
  }

  const std::string& origin_;
  JsonWriter& out_;
  std::vector<Container> open_;
  bool is_empty_ = true;
};

std::string convert(const std::string& origin, std::string_view text) {
  if (text.size() > max_template) refuse_at(origin, "more than 8 MiB of YAML: no template is that large");
  config::check_bytes(origin, text);
  try {
    ViewBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    JsonWriter json, more;
    Converter converter(origin, json), second(origin, more);
    if (!parser.HandleNextDocument(converter) || converter.is_empty()) refuse_at(origin, "is empty", "give a template");
    if (parser.HandleNextDocument(second)) refuse_at(origin, "holds more than one document", "keep one");
    return std::string(json.view());
  } catch (const YAML::Exception& error) {
    refuse_at(place_of(origin, mark_of(error.mark)), "not YAML: " + config::shown(error.msg), "mend the syntax");
  }
}

}  // namespace

Result<std::string> cfn_yaml_to_json(const std::string& origin, std::string_view text) {
  try {
    return convert(origin, text);
  } catch (const config::Refused& refused) {
    return refused.error;
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::unavailable, "read " + origin, "not enough memory", ""};
  }
}

}  // namespace plumbline::baseline
