#include "baseline/value/yaml_json.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cstring>
#include <istream>
#include <new>
#include <unordered_map>
#include <unordered_set>

#include "baseline/value/json_keys.hpp"
#include "baseline/value/yaml_input.hpp"
#include "baseline/value/yaml_scalar.hpp"
#include "include/config/yaml_tree.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::baseline {
namespace {

using config::Mark;
using config::place_of;
using config::refuse_at;

constexpr std::size_t max_depth = 100;
constexpr std::size_t max_yaml = std::size_t{64} << 20;  // yaml-cpp reads about 10 MB a second

/// A document in the order in which it is written, each node before its children; small, since a file of a megabyte can
/// hold a million.
struct Node {
  enum class Kind : std::uint8_t { scalar, list, map, alias };
  Kind kind = Kind::scalar;
  YamlType type = YamlType::text;  ///< of a scalar
  bool merge = false;              ///< a plain "<<"
  Mark at;
  std::size_t begin = 0;  ///< of a scalar's text in Document::texts; of an alias: the node it stands for
  std::size_t size = 0;   ///< of the text
  std::size_t end = 0;    ///< behind the last of its children
};

struct Document {
  explicit Document(std::size_t source_size) { texts.reserve(source_size); }
  ~Document() { clear(); }
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  void clear() {
    explicit_bzero(texts.data(), texts.size());
    texts.clear();
    nodes.clear();
  }
  std::string_view text(const Node& node) const { return std::string_view(texts).substr(node.begin, node.size); }

  std::vector<Node> nodes;
  std::string texts;  ///< of all scalars, in their JSON form where they are no text; one buffer, so that it is cleared
};

class Builder final : public YAML::EventHandler {
 public:
  Builder(const std::string& origin, Document& out) : origin_(origin), out_(out) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add_scalar(mark, anchor, {YamlType::null, "null"}, false);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto target = anchors_.find(anchor);
    // yaml-cpp knows an anchor from its start on, so that it lets a value hold itself.
    if (target == anchors_.end() || std::find(open_.begin(), open_.end(), target->second) != open_.end())
      refuse_at(place_of(origin_, mark_of(mark)), "an alias of the value that holds it", "write the value out");
    add(Node::Kind::alias, mark, 0).begin = target->second;
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    add_scalar(mark, anchor, yaml_scalar(tag, value), tag == "?" && value == "<<");
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::list, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::map, mark, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  Node& add(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = out_.nodes.size();
    Node& node = out_.nodes.emplace_back();
    node.kind = kind;
    node.at = mark_of(mark);
    node.end = out_.nodes.size();
    return node;
  }
  void add_scalar(const YAML::Mark& mark, YAML::anchor_t anchor, const YamlScalar& scalar, bool merge) {
    Node& node = add(Node::Kind::scalar, mark, anchor);
    node.type = scalar.type;
    node.merge = merge;
    node.begin = out_.texts.size();
    node.size = scalar.text.size();
    out_.texts += scalar.text;
  }
  void open(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    const Node& node = add(kind, mark, anchor);
    // Before the parser goes on: its own recursion has no small bound in every version.
    if (open_.size() == max_depth) refuse_at(place_of(origin_, node.at), "nested deeper than 100 levels");
    open_.push_back(out_.nodes.size() - 1);
  }
  void close() {
    out_.nodes[open_.back()].end = out_.nodes.size();
    open_.pop_back();
  }

  const std::string& origin_;
  Document& out_;
  std::vector<std::size_t> open_;
  std::unordered_map<YAML::anchor_t, std::size_t> anchors_;
};

/// Writes a document as JSON, aliases and merge keys resolved.
class Writer {
 public:
  /// `budget`: what may still be written, or looked at by way of aliases, in the whole stream.
  Writer(const std::string& origin, const Document& document, std::size_t& budget, std::string& out)
      : origin_(origin), document_(document), budget_(budget), out_(out) {}

  void write() { value(0, 0); }

 private:
  struct Member {
    std::string_view key;
    std::size_t at;  ///< node of the key
    std::size_t value;
  };

  const Node& node(std::size_t index) const { return document_.nodes[index]; }
  std::size_t target(std::size_t index) const {
    return node(index).kind == Node::Kind::alias ? node(index).begin : index;
  }
  [[noreturn]] void refuse(std::size_t index, const std::string& why, const std::string& fix = {}) const {
    refuse_at(place_of(origin_, node(index).at), why, fix);
  }
  void spend(std::size_t index, std::size_t bytes) {
    if (bytes > budget_) refuse(index, "aliases blow the text up beyond ten times its size", "write the values out");
    budget_ -= bytes;
  }

  void value(std::size_t given, std::size_t depth) {
    const std::size_t index = target(given);
    const Node& here = node(index);
    if (depth > max_depth) refuse(given, "nested deeper than 100 levels");
    const std::size_t before = out_.size();
    if (here.kind == Node::Kind::map) return map(index, depth);
    if (here.kind == Node::Kind::list) {
      spend(given, 2);
      out_ += '[';
      for (std::size_t item = index + 1; item < here.end; item = node(item).end) {
        if (item != index + 1) out_ += ',';
        value(item, depth + 1);
      }
      out_ += ']';
      return;
    }
    if (here.type == YamlType::text)
      wire::append_json_string(out_, document_.text(here));
    else
      out_ += document_.text(here);
    spend(given, out_.size() - before + 1);
  }

  void map(std::size_t index, std::size_t depth) {
    std::vector<Member> members;
    std::unordered_set<std::string_view> keys;
    collect(index, depth, members, keys);
    spend(index, 2);
    out_ += '{';
    bool first = true;
    for (const Member& member : members) {
      if (!first) out_ += ',';
      first = false;
      const std::size_t before = out_.size();
      wire::append_json_string(out_, member.key);
      out_ += ':';
      spend(member.at, out_.size() - before + 1);
      value(member.value, depth + 1);
    }
    out_ += '}';
  }

  std::string_view key_of(std::size_t given) const {
    const Node& key = node(target(given));
    if (key.kind != Node::Kind::scalar) refuse(given, "a key that is a list or a map", "JSON has only texts for keys");
    if (key.type == YamlType::null) refuse(given, "an empty key", "JSON has only texts for keys");
    return document_.text(key);
  }

  /// Own members first: they win over merged ones, wherever "<<" stands.
  void collect(std::size_t index, std::size_t depth, std::vector<Member>& members,
               std::unordered_set<std::string_view>& keys) {
    if (depth > max_depth) refuse(index, "nested deeper than 100 levels");
    std::unordered_set<std::string_view> own;
    std::vector<std::size_t> merged;
    for (std::size_t key = index + 1; key < node(index).end;) {
      const std::size_t item = node(key).end;
      spend(key, 1);
      if (node(key).merge) {
        merged.push_back(item);
      } else {
        const auto name = key_of(key);
        if (!own.insert(name).second)
          refuse(key, "the key `" + config::shown(name) + "` stands twice in one map", "keep one");
        if (keys.insert(name).second) members.push_back({name, key, item});
      }
      key = node(item).end;
    }
    for (const std::size_t item : merged) merge(item, depth, members, keys);
  }

  void merge(std::size_t given, std::size_t depth, std::vector<Member>& members,
             std::unordered_set<std::string_view>& keys) {
    const std::size_t index = target(given);
    const std::string fix = "give it a map, an alias of one, or a list of those";
    if (node(index).kind == Node::Kind::map) return collect(index, depth + 1, members, keys);
    if (node(index).kind != Node::Kind::list) refuse(given, "`<<` merges maps only", fix);
    for (std::size_t item = index + 1; item < node(index).end; item = node(item).end) {
      if (node(target(item)).kind != Node::Kind::map) refuse(item, "`<<` merges maps only", fix);
      spend(item, 1);
      collect(target(item), depth + 1, members, keys);
    }
  }

  const std::string& origin_;
  const Document& document_;
  std::size_t& budget_;
  std::string& out_;
};

std::vector<YamlDocument> read_documents(const std::string& origin, std::string_view text) {
  if (text.size() > max_yaml) refuse_at(origin, "more than 64 MiB of YAML", "split it, or give it as JSON");
  config::check_bytes(origin, text);
  std::vector<YamlDocument> documents;
  std::size_t budget = 10 * text.size() + (std::size_t{1} << 20);
  try {
    ViewBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    Document document(text.size());
    while (true) {
      document.clear();
      Builder builder(origin, document);
      if (!parser.HandleNextDocument(builder)) break;
      YamlDocument& out = documents.emplace_back();
      if (document.nodes.empty()) {
        out.json = "null";
        continue;
      }
      out.line = document.nodes[0].at.line;
      Writer(origin, document, budget, out.json).write();
    }
  } catch (const YAML::Exception& error) {
    refuse_at(place_of(origin, mark_of(error.mark)), "not YAML: " + config::shown(error.msg), "mend the syntax");
  }
  return documents;
}

/// JSON needs no YAML parser, which is slow and knows no surrogate pairs. False where it is none, or has a key twice:
/// then the YAML parser tells the place.
bool is_plain_json(std::string_view text, std::uint32_t& line) {
  const auto start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || (text[start] != '{' && text[start] != '[')) return false;
  line =
      1 + static_cast<std::uint32_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(start), '\n'));
  return is_json_without_duplicates(text, max_depth);
}

}  // namespace

Result<std::vector<YamlDocument>> yaml_documents(const std::string& origin, std::string_view text) {
  try {
    std::uint32_t line = 1;
    if (is_plain_json(text, line)) return std::vector<YamlDocument>{{line, std::string(text)}};
    return read_documents(origin, text);
  } catch (const config::Refused& refused) {
    return refused.error;
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::unavailable, "read " + origin, "not enough memory", "split it"};
  }
}

}  // namespace plumbline::baseline
