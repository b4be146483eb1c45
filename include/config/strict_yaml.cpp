#include "include/config/strict_yaml.hpp"

#include <yaml-cpp/eventhandler.h>

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "include/wire/text.hpp"

namespace plumbline::config {
namespace {

using Schema = nlohmann::ordered_json;
constexpr int max_depth = 64;

std::string at(const std::string& origin, const YAML::Mark& mark) {
  if (mark.is_null()) return origin;
  return origin + ":" + std::to_string(mark.line + 1) + ":" + std::to_string(mark.column + 1);
}

std::string listed(const std::vector<std::string>& words) {
  std::string all;
  for (const auto& word : words) all += (all.empty() ? "" : ", ") + word;
  return all;
}

[[noreturn]] void refuse_at(const std::string& place, const std::string& why, const std::string& fix = {}) {
  throw Refused{invalid(place, why, fix)};
}

/// Runs before the real parse: what would cost memory or stack, or mean two things, never reaches it.
class Guard final : public YAML::EventHandler {
 public:
  explicit Guard(const std::string& origin) : origin_(origin) {}
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { anchored(mark, anchor); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse_at(at(origin_, mark), "aliases are not allowed", "write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string&) override {
    anchored(mark, anchor);
    tagged(mark, tag);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    anchored(mark, anchor);
    tagged(mark, tag);
    deeper(mark);
  }
  void OnSequenceEnd() override { --depth_; }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    anchored(mark, anchor);
    tagged(mark, tag);
    deeper(mark);
  }
  void OnMapEnd() override { --depth_; }

 private:
  void anchored(const YAML::Mark& mark, YAML::anchor_t anchor) const {
    if (anchor != 0) refuse_at(at(origin_, mark), "anchors are not allowed", "write the value out");
  }
  void tagged(const YAML::Mark& mark, const std::string& tag) const {
    // "?" and "!" are yaml-cpp's marks of plain and quoted values.
    if (tag.size() > 1)
      refuse_at(at(origin_, mark), "tags are not allowed (" + shown(tag) + ")", "write the plain value");
  }
  void deeper(const YAML::Mark& mark) {
    if (++depth_ > max_depth) refuse_at(at(origin_, mark), "nested deeper than 64 levels");
  }
  const std::string& origin_;
  int depth_ = 0;
};

/// yaml-cpp would quietly put replacement characters in place of such bytes.
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

template <class N>
std::optional<N> whole_number(const std::string& text) {
  N value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

}  // namespace

std::string shown(std::string_view text) {
  constexpr std::size_t longest = 80;
  std::string out;
  while (!text.empty() && out.size() < longest) {
    const std::size_t length = std::max<std::size_t>(wire::utf8_length(text), 1);
    const auto byte = static_cast<unsigned char>(text[0]);
    if (byte < 0x20 || byte == 0x7F) {
      constexpr std::string_view digits = "0123456789ABCDEF";
      out += "\\x";
      out += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return text.empty() ? out : out + "…";
}

Map::Map(std::string origin, YAML::Node node, Schema* schema)
    : origin_(std::move(origin)), node_(std::move(node)), schema_(schema) {
  if (schema_ != nullptr) {
    (*schema_)["type"] = "object";
    (*schema_)["additionalProperties"] = false;
    (*schema_)["properties"] = Schema::object();
    return;
  }
  if (!node_.IsDefined() || node_.IsNull()) return;
  if (!node_.IsMap()) refuse_at(at(origin_, node_.Mark()), "expected a mapping (key: value)");
  for (const auto& entry : node_) {
    if (!entry.first.IsScalar()) refuse_at(at(origin_, entry.first.Mark()), "a key must be plain text");
    const auto key = entry.first.Scalar();
    if (!values_.emplace(key, Entry{entry.first.Mark(), entry.second}).second)
      refuse_at(at(origin_, entry.first.Mark()), "key `" + shown(key) + "` stands twice", "remove one of them");
  }
}

std::string Map::place(const std::string& key) const {
  const auto it = values_.find(key);
  return at(origin_, it != values_.end() ? it->second.value.Mark()
                     : node_.IsDefined() ? node_.Mark()
                                         : YAML::Mark::null_mark());
}

void Map::refuse(const std::string& key, const std::string& why, const std::string& fix) const {
  refuse_at(place(key), key.empty() ? why : "`" + key + "` " + why, fix);
}

bool Map::has(const std::string& key) const {
  return values_.contains(key);
}

void Map::describe(const std::string& key, Schema property, const char* says) {
  property["description"] = says;
  (*schema_)["properties"][key] = std::move(property);
}

YAML::Node Map::take(const std::string& key, const Schema& schema) {
  known_.push_back(key);
  if (schema_ != nullptr) {
    (*schema_)["properties"][key] = schema;
    return YAML::Node(YAML::NodeType::Undefined);
  }
  const auto it = values_.find(key);
  return it == values_.end() ? YAML::Node(YAML::NodeType::Undefined) : it->second.value;
}

YAML::Node Map::scalar(const std::string& key, const char* type, const char* says, Schema fallback) {
  Schema property = {{"type", type}, {"description", says}};
  if (!fallback.is_null()) property["default"] = std::move(fallback);
  return take(key, property);
}

std::string Map::scalar_text(const std::string& key, const YAML::Node& node, const char* type) const {
  if (!node.IsScalar()) refuse(key, std::string("must be ") + type);
  return node.Scalar();
}

void Map::read(const std::string& key, std::string& out, const char* says) {
  if (const auto node = scalar(key, "string", says, out); node.IsDefined()) out = scalar_text(key, node, "text");
}

void Map::read(const std::string& key, std::optional<std::string>& out, const char* says) {
  if (const auto node = scalar(key, "string", says, nullptr); node.IsDefined()) out = scalar_text(key, node, "text");
}

void Map::read(const std::string& key, bool& out, const char* says) {
  const auto node = scalar(key, "boolean", says, out);
  if (!node.IsDefined()) return;
  const auto text = scalar_text(key, node, "true or false");
  if (text != "true" && text != "false") refuse(key, "must be true or false, not `" + shown(text) + "`");
  out = text == "true";
}

void Map::read(const std::string& key, std::uint32_t& out, const char* says) {
  std::uint64_t wide = out;
  read(key, wide, says);
  if (wide > 0xffffffffu) refuse(key, "is larger than 4294967295");
  out = static_cast<std::uint32_t>(wide);
}

void Map::read(const std::string& key, std::uint64_t& out, const char* says) {
  const auto node = scalar(key, "integer", says, out);
  if (!node.IsDefined()) return;
  const auto text = scalar_text(key, node, "a whole number");
  const auto value = whole_number<std::uint64_t>(text);
  if (!value) refuse(key, "must be a whole number, not `" + shown(text) + "`");
  out = *value;
}

void Map::read(const std::string& key, Bytes& out, const char* says) {
  const auto node = scalar(key, "string", says, text_of_bytes(out.value));
  if (!node.IsDefined()) return;
  const auto text = scalar_text(key, node, "a size");
  const auto value = parse_bytes(text);
  if (!value) refuse(key, "must be a size such as 64MiB, not `" + shown(text) + "`");
  out.value = *value;
}

void Map::read(const std::string& key, std::chrono::milliseconds& out, const char* says) {
  const auto node = scalar(key, "string", says, text_of_duration(out));
  if (!node.IsDefined()) return;
  const auto text = scalar_text(key, node, "a duration");
  const auto value = parse_duration(text);
  if (!value) refuse(key, "must be a duration such as 10s, 250ms or 1h, not `" + shown(text) + "`");
  out = *value;
}

std::vector<std::string> Map::texts(const std::string& key, const YAML::Node& node) const {
  if (!node.IsSequence()) refuse(key, "must be a list");
  std::vector<std::string> out;
  for (const auto& item : node) {
    if (!item.IsScalar()) refuse_at(at(origin_, item.Mark()), "an entry of `" + key + "` must be plain text");
    out.push_back(item.Scalar());
  }
  return out;
}

void Map::read(const std::string& key, std::vector<std::string>& out, const char* says) {
  const auto node = take(key, {{"type", "array"}, {"items", {{"type", "string"}}}, {"description", says}});
  if (node.IsDefined() && !node.IsNull()) out = texts(key, node);
}

void Map::read(const std::string& key, std::vector<std::uint32_t>& out, const char* says) {
  const auto node = take(key, {{"type", "array"}, {"items", {{"type", "integer"}}}, {"description", says}});
  if (!node.IsDefined() || node.IsNull()) return;
  out.clear();
  for (const auto& text : texts(key, node)) {
    const auto value = whole_number<std::uint32_t>(text);
    if (!value) refuse(key, "must hold whole numbers, not `" + shown(text) + "`");
    out.push_back(*value);
  }
}

void Map::read(const std::string& key, std::map<std::string, std::string>& out, const char* says) {
  const auto node =
      take(key, {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}, {"description", says}});
  if (!node.IsDefined() || node.IsNull()) return;
  if (!node.IsMap()) refuse(key, "must be a mapping");
  out.clear();
  for (const auto& entry : node) {
    if (!entry.first.IsScalar() || !entry.second.IsScalar()) refuse(key, "must map text to text");
    if (!out.emplace(entry.first.Scalar(), entry.second.Scalar()).second)
      refuse_at(at(origin_, entry.first.Mark()), "key `" + shown(entry.first.Scalar()) + "` stands twice",
                "remove one of them");
  }
}

void Map::read_word(const std::string& key, std::string& out, const std::vector<std::string>& words, const char* says) {
  const auto node = take(key, {{"enum", words}, {"default", out}, {"description", says}});
  if (!node.IsDefined()) return;
  const auto text = scalar_text(key, node, "a word");
  if (std::find(words.begin(), words.end(), text) == words.end()) {
    const auto near = nearest(text, words);
    refuse(key, "cannot be `" + shown(text) + "`",
           near.empty() ? "use one of " + listed(words) : "did you mean `" + near + "`? (" + listed(words) + ")");
  }
  out = text;
}

void Map::object(const std::string& key, const char* says, const std::function<void(Map&)>& bind) {
  Schema inner;
  const auto node = take(key, Schema::object());
  Map map(origin_, node, schema_ != nullptr ? &inner : nullptr);
  bind(map);
  map.finish();
  if (schema_ != nullptr) describe(key, std::move(inner), says);
}

bool Map::optional_object(const std::string& key, const char* says, const std::function<void(Map&)>& bind) {
  if (schema_ == nullptr && !has(key)) {
    known_.push_back(key);
    return false;
  }
  object(key, says, bind);
  return schema_ == nullptr;
}

void Map::list(const std::string& key, const char* says, const std::function<void(Map&)>& bind) {
  const auto node = take(key, Schema::object());
  if (schema_ != nullptr) {
    Schema inner;
    Map map(origin_, node, &inner);
    bind(map);
    describe(key, {{"type", "array"}, {"items", std::move(inner)}}, says);
    return;
  }
  if (!node.IsDefined() || node.IsNull()) return;
  if (!node.IsSequence()) refuse(key, "must be a list");
  for (const auto& item : node) {
    if (!item.IsMap()) refuse_at(at(origin_, item.Mark()), "an entry of `" + key + "` must be a mapping");
    Map map(origin_, item, nullptr);
    bind(map);
    map.finish();
  }
}

void Map::require(const std::string& key) {
  if (schema_ != nullptr) {
    (*schema_)["required"].push_back(key);
  } else if (!has(key)) {
    refuse("", "`" + key + "` is missing", "add it");
  }
}

void Map::finish() const {
  if (schema_ != nullptr) return;
  const std::pair<const std::string, Entry>* unknown = nullptr;
  for (const auto& entry : values_) {
    if (std::find(known_.begin(), known_.end(), entry.first) != known_.end()) continue;
    if (unknown == nullptr || entry.second.key.pos < unknown->second.key.pos) unknown = &entry;
  }
  if (unknown == nullptr) return;
  const auto near = nearest(unknown->first, known_);
  refuse_at(at(origin_, unknown->second.key), "unknown key `" + shown(unknown->first) + "`",
            near.empty() ? "known here: " + listed(known_) : "did you mean `" + near + "`?");
}

Result<void> read_text(const std::string& origin, const std::string& text, const std::function<void(Map&)>& bind) {
  try {
    check_bytes(origin, text);
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    Guard guard(origin);
    if (!parser.HandleNextDocument(guard)) return invalid(origin, "is empty", "see the examples for a minimal one");
    if (parser.HandleNextDocument(guard)) return invalid(origin, "holds more than one document", "keep one");
    Map map(origin, YAML::Load(text), nullptr);
    bind(map);
    map.finish();
    return {};
  } catch (const Refused& refused) {
    return refused.error;
  } catch (const YAML::Exception& error) {
    return invalid(at(origin, error.mark), "not YAML: " + shown(error.msg), "mend the syntax");
  }
}

Result<void> read_file(const std::string& path, const std::function<void(Map&)>& bind, std::uint64_t max_bytes) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return io_error("read " + path, errno, "check the path and its permissions");
  if (!S_ISREG(status.st_mode))
    return invalid("read " + path,
                   S_ISDIR(status.st_mode) ? "not a regular file but a directory" : "not a regular file",
                   "name a file");
  if (static_cast<std::uint64_t>(status.st_size) > max_bytes)
    return invalid("read " + path, "larger than " + std::to_string(max_bytes) + " bytes", "is this the right file?");
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) {
    if (status.st_size == 0) return invalid(path, "is empty", "see the examples for a minimal one");
    return io_error("read " + path, errno == 0 ? EIO : errno, "check its permissions");
  }
  return read_text(path, text.str(), bind);
}

std::string schema_of(const std::string& title, const std::function<void(Map&)>& bind) {
  Schema schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", title}};
  Map map(title, YAML::Node(YAML::NodeType::Undefined), &schema);
  bind(map);
  return schema.dump(2) + "\n";
}

}  // namespace plumbline::config
