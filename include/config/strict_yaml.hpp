// Strict YAML: text → plain structs. Each key is declared once, with its type and a sentence; the declaration gives
// parsing, errors that name file:line:column and the nearest known key, and a JSON Schema (draft 2020-12).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "include/config/quantities.hpp"
#include "include/config/yaml_tree.hpp"
#include "include/util/result.hpp"

namespace plumbline::config {

/// A size in bytes; written 4096, 64KiB, 16MiB, 1GiB.
struct Bytes {
  std::uint64_t value = 0;
};

/// What a value may be; what is not given is not bounded. Declared with the key, so that the schema shows it.
template <class T>
struct Bounds {
  std::optional<T> least{};
  std::optional<T> most{};
};
using Count = Bounds<std::uint64_t>;
using Time = Bounds<std::chrono::milliseconds>;

/// One mapping. Read every key, then finish() refuses what nobody read. In schema mode (no node) reading changes
/// nothing and describes instead.
class Map {
 public:
  /// `node` outlives the map.
  Map(std::string origin, const Node& node, nlohmann::ordered_json* schema);

  void read(const std::string& key, std::string& out, const char* says);
  void read(const std::string& key, bool& out, const char* says);
  void read(const std::string& key, std::uint32_t& out, const char* says, const Count& bounds = {});
  void read(const std::string& key, std::uint64_t& out, const char* says, const Count& bounds = {});
  /// `bounds`: bytes.
  void read(const std::string& key, Bytes& out, const char* says, const Count& bounds = {});
  void read(const std::string& key, std::chrono::milliseconds& out, const char* says, const Time& bounds = {});
  void read(const std::string& key, std::vector<std::string>& out, const char* says);
  void read(const std::string& key, std::vector<std::uint32_t>& out, const char* says);
  void read(const std::string& key, std::map<std::string, std::string>& out, const char* says);
  /// What is not said has no default, or one that other keys decide.
  void read(const std::string& key, std::optional<std::string>& out, const char* says);
  void read(const std::string& key, std::optional<bool>& out, const char* says);
  /// One of `words`.
  void read_word(const std::string& key, std::string& out, const std::vector<std::string>& words, const char* says);
  /// A nested mapping; `bind` is called whether or not it is there (absent: with an empty one), so defaults hold.
  void object(const std::string& key, const char* says, const std::function<void(Map&)>& bind);
  /// A nested mapping that may be absent: `bind` is called only where it is there. True = it was.
  bool optional_object(const std::string& key, const char* says, const std::function<void(Map&)>& bind);
  /// A list of mappings; `bind` is called for each. A list without a value is refused, like the lists above: a file
  /// that is being written must not pass for one that wants nothing.
  void list(const std::string& key, const char* says, const std::function<void(Map&)>& bind);

  bool has(const std::string& key) const;
  /// The raw node, for keys with more than one shape; it counts as read. `schema` is called in schema mode only.
  const Node& take(const std::string& key, const std::function<nlohmann::ordered_json()>& schema);
  /// Declares that the key must be there. Told by finish() or by a refusal of that key or of the whole mapping, since
  /// only then it is known whether another key is a misspelling of it.
  void require(const std::string& key);
  /// `key` empty: the mapping as a whole; a misspelt key in it then goes first, as it is the likely cause.
  [[noreturn]] void refuse(const std::string& key, const std::string& why, const std::string& fix = {}) const;
  /// Refuses `key` where `path`, its value, is not absolute.
  void require_absolute(const std::string& key, const std::string& path) const;
  /// "file:line:column" of a key's value, of the key where it has none, or of the mapping where the key is absent.
  std::string place(const std::string& key = {}) const;
  void finish() const;
  bool describing() const { return schema_ != nullptr; }

 private:
  struct Entry {
    Mark key;
    const Node* value;
  };

  template <class Fallback>
  const Node& scalar(const std::string& key, const char* type, const char* says, const Fallback& fallback);
  template <class T, class Text>
  void check(const std::string& key, const T& value, const Bounds<T>& bounds, const Text& text) const;
  template <class T, class Text>
  void describe_bounds(const std::string& key, const Bounds<T>& bounds, const Text& text);
  bool truth(const std::string& key, const Node& node) const;
  const std::string& scalar_text(const std::string& key, const Node& node, const char* type) const;
  std::vector<std::string> texts(const std::string& key, const Node& node) const;
  void describe(const std::string& key, nlohmann::ordered_json property, const char* says);
  const Node& taken_list(const std::string& key, const Node& node) const;
  std::string meant(const std::string& unknown) const;
  void refuse_misspelt() const;
  void refuse_missing() const;

  std::string origin_;
  const Node& node_;
  std::map<std::string, Entry> values_;
  std::vector<std::string> known_;
  std::vector<std::string> missing_;  ///< required and absent
  nlohmann::ordered_json* schema_;
};

/// Parses `text` (origin stands for the file in messages) and binds its top mapping. Anchors, aliases, tags, more than
/// one document, nesting past 64 levels, NUL bytes and invalid UTF-8 are refused.
Result<void> read_text(const std::string& origin, const std::string& text, const std::function<void(Map&)>& bind);

/// As read_text(), of a file of at most `max_bytes`.
Result<void> read_file(const std::string& path, const std::function<void(Map&)>& bind,
                       std::uint64_t max_bytes = 16 << 20);

/// The JSON Schema of what `bind` reads. A size or duration is text with `x-unit` ("size", "duration") and, where it is
/// bounded, `x-minimum` and `x-maximum` as text.
std::string schema_of(const std::string& title, const std::function<void(Map&)>& bind);

}  // namespace plumbline::config
