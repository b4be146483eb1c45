#include "include/config/yaml_tree.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <sstream>

#include "include/util/hex.hpp"
#include "include/wire/text.hpp"

namespace plumbline::config {
namespace {

constexpr std::size_t max_depth = 64;

Mark mark_of(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)};
}

/// Takes over what the parser tells, and refuses what would cost memory or stack, or mean two things.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(const std::string& origin) : origin_(origin) {}
  Node take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(Node::Kind::null, mark, "", anchor); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse_at(place_of(origin_, mark_of(mark)), "aliases are not allowed", "write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node& node = add(Node::Kind::scalar, mark, tag, anchor);
    node.quoted = tag == "!";
    node.text = value;
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::sequence, mark, tag, anchor);
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  Node& add(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) refuse_at(place_of(origin_, mark_of(mark)), "anchors are not allowed", "write the value out");
    // "?" and "!" are yaml-cpp's marks of plain and quoted values.
    if (tag.size() > 1)
      refuse_at(place_of(origin_, mark_of(mark)), "tags are not allowed (" + shown(tag) + ")", "write the plain value");
    Node& node = open_.empty() ? root_ : open_.back()->items.emplace_back();
    node.kind = kind;
    node.at = mark_of(mark);
    return node;
  }
  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    Node& node = add(kind, mark, tag, anchor);
    if (open_.size() == max_depth) refuse_at(place_of(origin_, node.at), "nested deeper than 64 levels");
    open_.push_back(&node);
  }

  const std::string& origin_;
  Node root_;
  std::vector<Node*> open_;  ///< the way to where the next node goes; only the last one grows, so the others stay put
};

/// Stands for a second document, which is an error whatever is in it.
class Nothing final : public YAML::EventHandler {
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

}  // namespace

std::string place_of(const std::string& origin, Mark mark) {
  if (mark.line == 0) return origin;
  return origin + ":" + std::to_string(mark.line) + ":" + std::to_string(mark.column);
}

void check_bytes(const std::string& origin, std::string_view text) {
  std::size_t line = 1, column = 1;
  while (!text.empty()) {
    const std::size_t length = wire::utf8_length(text);
    if (length == 0 || text[0] == '\0')
      refuse_at(origin + ":" + std::to_string(line) + ":" + std::to_string(column),
                length == 0 ? "not text: a byte that is not UTF-8" : "not text: a NUL byte", "is this the right file?");
    column = text[0] == '\n' ? 1 : column + 1;
    line += text[0] == '\n' ? 1 : 0;
    text.remove_prefix(length);
  }
}

void refuse_at(const std::string& place, const std::string& why, const std::string& fix) {
  throw Refused{invalid(place, why, fix)};
}

std::string shown(std::string_view text) {
  constexpr std::size_t longest = 80;
  std::string out;
  while (!text.empty() && out.size() < longest) {
    const std::size_t length = std::max<std::size_t>(wire::utf8_length(text), 1);
    const auto byte = static_cast<unsigned char>(text[0]);
    if (byte < 0x20 || byte == 0x7F) {
      out += "\\x";
      append_hex(out, byte, upper_hex);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return text.empty() ? out : out + "…";
}

Node parse_tree(const std::string& origin, const std::string& text) {
  check_bytes(origin, text);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    Builder builder(origin);
    Nothing nothing;
    if (!parser.HandleNextDocument(builder)) refuse_at(origin, "is empty", "see the examples for a minimal one");
    if (parser.HandleNextDocument(nothing)) refuse_at(origin, "holds more than one document", "keep one");
    return builder.take();
  } catch (const YAML::Exception& error) {
    refuse_at(place_of(origin, mark_of(error.mark)), "not YAML: " + shown(error.msg), "mend the syntax");
  }
}

}  // namespace plumbline::config
