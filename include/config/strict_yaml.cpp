#include "include/config/strict_yaml.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "include/util/nearest.hpp"

namespace plumbline::config {
namespace {

using Schema = nlohmann::ordered_json;
const Node undefined;

std::string listed(const std::vector<std::string>& words) {
  std::string all;
  for (const auto& word : words) all += (all.empty() ? "" : ", ") + word;
  return all;
}

template <class N>
std::optional<N> whole_number(const std::string& text) {
  N value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

}  // namespace

Map::Map(std::string origin, const Node& node, Schema* schema)
    : origin_(std::move(origin)), node_(node), schema_(schema) {
  if (schema_ != nullptr) {
    (*schema_)["type"] = "object";
    (*schema_)["additionalProperties"] = false;
    (*schema_)["properties"] = Schema::object();
    return;
  }
  if (!node_.is_defined() || node_.is_null()) return;
  if (!node_.is_map()) refuse_at(place_of(origin_, node_.at), "expected a mapping (key: value)");
  for (std::size_t i = 0; i + 1 < node_.items.size(); i += 2) {
    const Node& key = node_.items[i];
    if (!key.is_scalar()) refuse_at(place_of(origin_, key.at), "a key must be plain text");
    if (!values_.emplace(key.text, Entry{key.at, &node_.items[i + 1]}).second)
      refuse_at(place_of(origin_, key.at), "key `" + shown(key.text) + "` stands twice", "remove one of them");
  }
}

void Map::require_absolute(const std::string& key, const std::string& path) const {
  if (!describing() && !path.starts_with('/')) refuse(key, "must be an absolute path, not `" + shown(path) + "`");
}

std::string Map::place(const std::string& key) const {
  const auto it = values_.find(key);
  if (it == values_.end()) return place_of(origin_, node_.at);
  return place_of(origin_, it->second.value->is_null() ? it->second.key : it->second.value->at);
}

void Map::refuse(const std::string& key, const std::string& why, const std::string& fix) const {
  if (key.empty()) refuse_misspelt();
  if (key.empty() || std::find(missing_.begin(), missing_.end(), key) != missing_.end()) refuse_missing();
  refuse_at(place(key), key.empty() ? why : "`" + key + "` " + why, fix);
}

bool Map::has(const std::string& key) const {
  return values_.contains(key);
}

void Map::describe(const std::string& key, Schema property, const char* says) {
  property["description"] = says;
  (*schema_)["properties"][key] = std::move(property);
}

const Node& Map::take(const std::string& key, const std::function<Schema()>& schema) {
  known_.push_back(key);
  if (schema_ != nullptr) {
    (*schema_)["properties"][key] = schema();
    return undefined;
  }
  const auto it = values_.find(key);
  return it == values_.end() ? undefined : *it->second.value;
}

template <class Fallback>
const Node& Map::scalar(const std::string& key, const char* type, const char* says, const Fallback& fallback) {
  return take(key, [&] {
    Schema property = {{"type", type}, {"description", says}};
    if (Schema value = fallback(); !value.is_null()) property["default"] = std::move(value);
    return property;
  });
}

const std::string& Map::scalar_text(const std::string& key, const Node& node, const char* type) const {
  if (!node.is_scalar()) refuse(key, std::string("must be ") + type);
  return node.text;
}

void Map::read(const std::string& key, std::string& out, const char* says) {
  if (const auto& node = scalar(key, "string", says, [&] { return Schema(out); }); node.is_defined())
    out = scalar_text(key, node, "text");
}

void Map::read(const std::string& key, std::optional<std::string>& out, const char* says) {
  if (const auto& node = scalar(key, "string", says, [] { return Schema(); }); node.is_defined())
    out = scalar_text(key, node, "text");
}

bool Map::truth(const std::string& key, const Node& node) const {
  const auto& text = scalar_text(key, node, "true or false");
  if (text != "true" && text != "false") refuse(key, "must be true or false, not `" + shown(text) + "`");
  return text == "true";
}

void Map::read(const std::string& key, bool& out, const char* says) {
  if (const auto& node = scalar(key, "boolean", says, [&] { return Schema(out); }); node.is_defined())
    out = truth(key, node);
}

void Map::read(const std::string& key, std::optional<bool>& out, const char* says) {
  if (const auto& node = scalar(key, "boolean", says, [] { return Schema(); }); node.is_defined())
    out = truth(key, node);
}

/// Tells both bounds, whichever is broken.
template <class T, class Text>
void Map::check(const std::string& key, const T& value, const Bounds<T>& bounds, const Text& text) const {
  if (!(bounds.least && value < *bounds.least) && !(bounds.most && value > *bounds.most)) return;
  if (bounds.least && bounds.most)
    refuse(key, "must be between " + text(*bounds.least) + " and " + text(*bounds.most) + ", not " + text(value));
  refuse(key, (bounds.least ? "must be at least " + text(*bounds.least) : "must be at most " + text(*bounds.most)) +
                  ", not " + text(value));
}

template <class T, class Text>
void Map::describe_bounds(const std::string& key, const Bounds<T>& bounds, const Text& text) {
  if (schema_ == nullptr) return;
  auto& property = (*schema_)["properties"][key];
  if (bounds.least) property["x-minimum"] = text(*bounds.least);
  if (bounds.most) property["x-maximum"] = text(*bounds.most);
}

void Map::read(const std::string& key, std::uint32_t& out, const char* says, const Count& bounds) {
  std::uint64_t wide = out;
  read(key, wide, says, bounds);
  if (wide > 0xffffffffu) refuse(key, "is larger than 4294967295");
  out = static_cast<std::uint32_t>(wide);
}

void Map::read(const std::string& key, std::uint64_t& out, const char* says, const Count& bounds) {
  const auto& node = scalar(key, "integer", says, [&] { return Schema(out); });
  if (schema_ != nullptr) {
    auto& property = (*schema_)["properties"][key];
    property["minimum"] = bounds.least.value_or(0);
    if (bounds.most) property["maximum"] = *bounds.most;
  }
  if (!node.is_defined()) return;
  const auto& text = scalar_text(key, node, "a whole number");
  const auto value = whole_number<std::uint64_t>(text);
  if (!value) refuse(key, "must be a whole number, not `" + shown(text) + "`");
  check(key, *value, bounds, [](std::uint64_t number) { return std::to_string(number); });
  out = *value;
}

void Map::read(const std::string& key, Bytes& out, const char* says, const Count& bounds) {
  const auto& node = scalar(key, "string", says, [&] { return Schema(text_of_bytes(out.value)); });
  if (schema_ != nullptr) {
    auto& property = (*schema_)["properties"][key];
    property["type"] = {"string", "integer"};  // a bare number is a number to every reader of YAML but ours
    property["pattern"] = "^[0-9]+(KiB|MiB|GiB|TiB)?$";
    property["x-unit"] = "size";
  }
  describe_bounds(key, bounds, text_of_bytes);
  if (!node.is_defined()) return;
  const auto& text = scalar_text(key, node, "a size");
  const auto value = parse_bytes(text);
  if (!value) refuse(key, "must be a size such as 64MiB, not `" + shown(text) + "`");
  check(key, *value, bounds, text_of_bytes);
  out.value = *value;
}

void Map::read(const std::string& key, std::chrono::milliseconds& out, const char* says, const Time& bounds) {
  const auto& node = scalar(key, "string", says, [&] { return Schema(text_of_duration(out)); });
  if (schema_ != nullptr) {
    auto& property = (*schema_)["properties"][key];
    property["pattern"] = "^[0-9]+(ms|s|m|h|d)$";
    property["x-unit"] = "duration";
  }
  describe_bounds(key, bounds, text_of_duration);
  if (!node.is_defined()) return;
  const auto& text = scalar_text(key, node, "a duration");
  const auto value = parse_duration(text);
  if (!value) refuse(key, "must be a duration such as 10s, 250ms or 1h, not `" + shown(text) + "`");
  check(key, *value, bounds, text_of_duration);
  out = *value;
}

/// `node` where it is a list.
const Node& Map::taken_list(const std::string& key, const Node& node) const {
  if (node.is_null()) refuse(key, "has no value", "write [] for an empty list");
  if (!node.is_sequence()) refuse(key, "must be a list");
  return node;  // NOLINT(bugprone-return-const-ref-from-parameter): part of the tree that the caller walks
}

std::vector<std::string> Map::texts(const std::string& key, const Node& node) const {
  std::vector<std::string> out;
  for (const auto& item : taken_list(key, node).items) {
    if (!item.is_scalar()) refuse_at(place_of(origin_, item.at), "an entry of `" + key + "` must be plain text");
    out.push_back(item.text);
  }
  return out;
}

void Map::read(const std::string& key, std::vector<std::string>& out, const char* says) {
  const auto& node =
      take(key, [&] { return Schema{{"type", "array"}, {"items", {{"type", "string"}}}, {"description", says}}; });
  if (node.is_defined()) out = texts(key, node);
}

void Map::read(const std::string& key, std::vector<std::uint32_t>& out, const char* says) {
  const auto& node =
      take(key, [&] { return Schema{{"type", "array"}, {"items", {{"type", "integer"}}}, {"description", says}}; });
  if (!node.is_defined()) return;
  out.clear();
  for (const auto& text : texts(key, node)) {
    const auto value = whole_number<std::uint32_t>(text);
    if (!value) refuse(key, "must hold whole numbers, not `" + shown(text) + "`");
    out.push_back(*value);
  }
}

void Map::read(const std::string& key, std::map<std::string, std::string>& out, const char* says) {
  const auto node = take(key, [&] {
    return Schema{{"type", "object"}, {"additionalProperties", {{"type", "string"}}}, {"description", says}};
  });
  if (!node.is_defined() || node.is_null()) return;
  if (!node.is_map()) refuse(key, "must be a mapping");
  out.clear();
  for (std::size_t i = 0; i + 1 < node.items.size(); i += 2) {
    const Node &name = node.items[i], &value = node.items[i + 1];
    if (!name.is_scalar() || !value.is_scalar()) refuse(key, "must map text to text");
    if (!out.emplace(name.text, value.text).second)
      refuse_at(place_of(origin_, name.at), "key `" + shown(name.text) + "` stands twice", "remove one of them");
  }
}

void Map::read_word(const std::string& key, std::string& out, const std::vector<std::string>& words, const char* says) {
  const auto& node = take(key, [&] { return Schema{{"enum", words}, {"default", out}, {"description", says}}; });
  if (!node.is_defined()) return;
  const auto& text = scalar_text(key, node, "a word");
  if (std::find(words.begin(), words.end(), text) == words.end()) {
    const std::string near(nearest(text, words));
    refuse(key, "cannot be `" + shown(text) + "`",
           near.empty() ? "use one of " + listed(words) : "did you mean `" + near + "`? (" + listed(words) + ")");
  }
  out = text;
}

void Map::object(const std::string& key, const char* says, const std::function<void(Map&)>& bind) {
  Schema inner;
  const auto& node = take(key, [] { return Schema::object(); });
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
  const auto& node = take(key, [] { return Schema::object(); });
  if (schema_ != nullptr) {
    Schema inner;
    Map map(origin_, node, &inner);
    bind(map);
    describe(key, {{"type", "array"}, {"items", std::move(inner)}}, says);
    return;
  }
  if (!node.is_defined()) return;
  for (const auto& item : taken_list(key, node).items) {
    if (!item.is_map()) refuse_at(place_of(origin_, item.at), "an entry of `" + key + "` must be a mapping");
    Map map(origin_, item, nullptr);
    bind(map);
    map.finish();
  }
}

void Map::require(const std::string& key) {
  if (schema_ != nullptr) {
    (*schema_)["required"].push_back(key);
  } else if (!has(key)) {
    missing_.push_back(key);
  }
}

/// The key that was probably meant; "" where none is near.
std::string Map::meant(const std::string& unknown) const {
  auto candidates = known_;
  candidates.insert(candidates.end(), missing_.begin(), missing_.end());
  return std::string(nearest(unknown, candidates));
}

void Map::refuse_misspelt() const {
  const std::pair<const std::string, Entry>* first = nullptr;
  for (const auto& entry : values_)
    if (std::find(known_.begin(), known_.end(), entry.first) == known_.end() && !meant(entry.first).empty() &&
        (first == nullptr || entry.second.key < first->second.key))
      first = &entry;
  if (first != nullptr)
    refuse_at(place_of(origin_, first->second.key), "unknown key `" + shown(first->first) + "`",
              "did you mean `" + meant(first->first) + "`?");
}

void Map::refuse_missing() const {
  if (missing_.empty()) return;
  refuse_misspelt();
  refuse_at(place(), "`" + missing_.front() + "` is missing", "add it");
}

void Map::finish() const {
  if (schema_ != nullptr) return;
  refuse_missing();
  const std::pair<const std::string, Entry>* unknown = nullptr;
  for (const auto& entry : values_) {
    if (std::find(known_.begin(), known_.end(), entry.first) != known_.end()) continue;
    if (unknown == nullptr || entry.second.key < unknown->second.key) unknown = &entry;
  }
  if (unknown == nullptr) return;
  const auto near = meant(unknown->first);
  refuse_at(place_of(origin_, unknown->second.key), "unknown key `" + shown(unknown->first) + "`",
            near.empty() ? "known here: " + listed(known_) : "did you mean `" + near + "`?");
}

Result<void> read_text(const std::string& origin, const std::string& text, const std::function<void(Map&)>& bind) {
  try {
    const Node root = parse_tree(origin, text);
    Map map(origin, root, nullptr);
    bind(map);
    map.finish();
    return {};
  } catch (const Refused& refused) {
    return refused.error;
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
  const std::ifstream file(path, std::ios::binary);
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
  Map map(title, undefined, &schema);
  bind(map);
  return schema.dump(2) + "\n";
}

}  // namespace plumbline::config
