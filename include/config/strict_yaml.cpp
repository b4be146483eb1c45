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
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, const std::string&) override {
    anchored(mark, anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    anchored(mark, anchor);
    deeper(mark);
  }
  void OnSequenceEnd() override { --depth_; }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    anchored(mark, anchor);
    deeper(mark);
  }
  void OnMapEnd() override { --depth_; }

 private:
  void anchored(const YAML::Mark& mark, YAML::anchor_t anchor) const {
    if (anchor != 0) refuse_at(at(origin_, mark), "anchors are not allowed", "write the value out");
  }
  void deeper(const YAML::Mark& mark) {
    if (++depth_ > max_depth) refuse_at(at(origin_, mark), "nested deeper than 64 levels");
  }
  const std::string& origin_;
  int depth_ = 0;
};

void check_bytes(const std::string& origin, const std::string& text) {
  std::string_view rest = text;
  std::size_t line = 1;
  while (!rest.empty()) {
    const std::size_t length = wire::utf8_length(rest);
    if (length == 0 || rest[0] == '\0')
      refuse_at(origin + ":" + std::to_string(line), "not text: a byte that is not UTF-8", "is this the right file?");
    line += rest[0] == '\n' ? 1 : 0;
    rest.remove_prefix(length);
  }
}

std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

template <class N>
std::optional<N> whole_number(const std::string& text) {
  N value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::string duration_text(std::chrono::milliseconds value) {
  const auto ms = value.count();
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + "s" : std::to_string(ms) + "ms";
}

}  // namespace

std::string nearest(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(word.size() / 3, 1) + 1;
  for (const auto& candidate : known)
    if (const auto d = distance(word, candidate); d < best_distance) {
      best = candidate;
      best_distance = d;
    }
  return best;
}

std::optional<std::uint64_t> parse_bytes(const std::string& text) {
  const auto unit_at = text.find_first_not_of("0123456789");
  const auto number = whole_number<std::uint64_t>(text.substr(0, unit_at));
  const std::string unit = unit_at == std::string::npos ? "" : text.substr(unit_at);
  for (const auto& [name, shift] : {std::pair{"", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}})
    if (number && unit == name && *number <= (~0ull >> shift)) return *number << shift;
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> parse_duration(const std::string& text) {
  const auto unit_at = text.find_first_not_of("0123456789");
  if (unit_at == std::string::npos) return std::nullopt;
  const auto number = whole_number<std::int64_t>(text.substr(0, unit_at));
  const std::string unit = text.substr(unit_at);
  for (const auto& [name, factor] : {std::pair{"ms", 1LL}, {"s", 1000LL}, {"m", 60'000LL}, {"h", 3'600'000LL}, {"d", 86'400'000LL}})
    if (number && unit == name && *number <= 1'000'000'000'000LL / factor) return std::chrono::milliseconds(*number * factor);
  return std::nullopt;
}

Map::Map(std::string origin, YAML::Node node, Schema* schema) : origin_(std::move(origin)), node_(std::move(node)), schema_(schema) {
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
    if (!values_.emplace(key, entry.second).second)
      refuse_at(at(origin_, entry.first.Mark()), "key `" + key + "` stands twice", "remove one of them");
  }
}

std::string Map::place(const std::string& key) const {
  const auto it = values_.find(key);
  return at(origin_, it != values_.end() ? it->second.Mark() : node_.IsDefined() ? node_.Mark() : YAML::Mark::null_mark());
}

void Map::refuse(const std::string& key, const std::string& why, const std::string& fix) const {
  refuse_at(place(key), key.empty() ? why : "`" + key + "` " + why, fix);
}

bool Map::has(const std::string& key) const { return values_.contains(key); }

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
  return it == values_.end() ? YAML::Node(YAML::NodeType::Undefined) : it->second;
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
  if (text != "true" && text != "false") refuse(key, "must be true or false, not `" + text + "`");
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
  if (!value) refuse(key, "must be a whole number, not `" + text + "`");
  out = *value;
}

void Map::read(const std::string& key, Bytes& out, const char* says) {
  const auto node = scalar(key, "string", says, std::to_string(out.value));
  if (!node.IsDefined()) return;
  const auto text = scalar_text(key, node, "a size");
  const auto value = parse_bytes(text);
  if (!value) refuse(key, "must be a size such as 64MiB, not `" + text + "`");
  out.value = *value;
}

void Map::read(const std::string& key, std::chrono::milliseconds& out, const char* says) {
  const auto node = scalar(key, "string", says, duration_text(out));
  if (!node.IsDefined()) return;
  const auto text = scalar_text(key, node, "a duration");
  const auto value = parse_duration(text);
  if (!value) refuse(key, "must be a duration such as 10s, 250ms or 1h, not `" + text + "`");
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
    if (!value) refuse(key, "must hold whole numbers, not `" + text + "`");
    out.push_back(*value);
  }
}

void Map::read(const std::string& key, std::map<std::string, std::string>& out, const char* says) {
  const auto node = take(key, {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}, {"description", says}});
  if (!node.IsDefined() || node.IsNull()) return;
  if (!node.IsMap()) refuse(key, "must be a mapping");
  out.clear();
  for (const auto& entry : node) {
    if (!entry.first.IsScalar() || !entry.second.IsScalar()) refuse(key, "must map text to text");
    out[entry.first.Scalar()] = entry.second.Scalar();
  }
}

void Map::read_word(const std::string& key, std::string& out, const std::vector<std::string>& words, const char* says) {
  const auto node = take(key, {{"enum", words}, {"default", out}, {"description", says}});
  if (!node.IsDefined()) return;
  const auto text = scalar_text(key, node, "a word");
  if (std::find(words.begin(), words.end(), text) == words.end()) {
    std::string all;
    for (const auto& word : words) all += (all.empty() ? "" : ", ") + word;
    const auto near = nearest(text, words);
    refuse(key, "cannot be `" + text + "`", near.empty() ? "use one of " + all : "did you mean `" + near + "`? (" + all + ")");
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
    Map map(origin_, item, nullptr);
    if (!item.IsMap()) refuse_at(at(origin_, item.Mark()), "an entry of `" + key + "` must be a mapping");
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
  for (const auto& [key, value] : values_) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    std::string all;
    for (const auto& word : known_) all += (all.empty() ? "" : ", ") + word;
    const auto near = nearest(key, known_);
    refuse_at(at(origin_, value.Mark()), "unknown key `" + wire::escape_bytes(key) + "`",
              near.empty() ? "known here: " + all : "did you mean `" + near + "`?");
  }
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
    return invalid(at(origin, error.mark), "not YAML: " + error.msg, "mend the syntax");
  }
}

Result<void> read_file(const std::string& path, const std::function<void(Map&)>& bind, std::uint64_t max_bytes) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return io_error("read " + path, errno, "check the path and its permissions");
  if (!S_ISREG(status.st_mode)) return invalid("read " + path, "not a regular file", "name a file");
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
