#include "baseline/source/cloud_init_files.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "baseline/paths.hpp"
#include "baseline/source/base64.hpp"
#include "baseline/source/gunzip.hpp"
#include "baseline/value/canonical.hpp"
#include "include/util/hex.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::size_t max_unpacked = std::size_t{64} << 20;
constexpr std::uint32_t default_mode = 0644;

/// What is known of one path after all entries so far.
struct Planned {
  std::vector<std::string> content;  ///< secret; what each entry writes, one behind the other
  bool known = false;
  std::string why_not;  ///< where the content is not known
  std::uint32_t mode = default_mode;
  std::optional<std::string> owner, group;
  bool append = false, defer = false;  ///< of the last entry
  std::size_t entries = 0;
};

std::string lower_trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n\v\f");
  if (begin == std::string_view::npos) return "";
  std::string result(text.substr(begin, text.find_last_not_of(" \t\r\n\v\f") - begin + 1));
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

bool has(const object& of, std::string_view key, element& value) {
  return of[key].get(value) == simdjson::SUCCESS && !value.is_null();
}

/// util.translate_bool: text counts as true where it says so.
bool is_true(const object& of, std::string_view key) {
  element value;
  if (!has(of, key, value)) return false;
  bool flag = false;
  if (value.get_bool().get(flag) == simdjson::SUCCESS) return flag;
  std::int64_t number = 0;
  if (value.get_int64().get(number) == simdjson::SUCCESS) return number == 1;
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS) return false;
  const std::string word = lower_trimmed(text);
  return word == "true" || word == "1" || word == "on" || word == "yes";
}

/// As Python's int(text, 8): blanks around it, a sign, "0o", underscores between digits. nullopt where it is none.
std::optional<std::uint64_t> python_octal(std::string_view text) {
  std::string digits = lower_trimmed(text);
  if (digits.starts_with('+')) digits.erase(0, 1);
  if (digits.starts_with("0o")) digits.erase(0, 2);
  if (digits.empty() || digits.starts_with('_') || digits.ends_with('_') || digits.find("__") != std::string::npos)
    return std::nullopt;
  std::erase(digits, '_');
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 8);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

/// One side of "user:group" (util.extract_usergroup); nullopt: not changed.
std::optional<std::string> side_of_owner(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return std::nullopt;
  std::string name(text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1));
  if (name == "-1" || lower_trimmed(name) == "none") return std::nullopt;
  return name;
}

void forget(std::vector<std::string>& pieces) {
  for (auto& piece : pieces) explicit_bzero(piece.data(), piece.size());
  pieces.clear();
}

Sha256 digest_of(const std::vector<std::string>& pieces) {
  if (pieces.size() == 1) return sha256(pieces.front());
  std::size_t size = 0;
  for (const auto& piece : pieces) size += piece.size();
  std::string whole;
  whole.reserve(size);  // so that no half of it is left behind uncleared
  for (const auto& piece : pieces) whole += piece;
  const Sha256 digest = sha256(whole);
  explicit_bzero(whole.data(), whole.size());
  return digest;
}

struct Encoding {
  bool base64 = false, gzip = false;
};

/// canonicalize_extraction(): what it does not know is text.
Encoding encoding_of(std::string_view given) {
  const std::string name = lower_trimmed(given);
  if (name == "gz" || name == "gzip") return {false, true};
  if (name == "b64" || name == "base64") return {true, false};
  const bool both = name == "gz+base64" || name == "gzip+base64" || name == "gz+b64" || name == "gzip+b64";
  return {both, both};
}

class Writer {
 public:
  Writer(const SourceSpec& spec, const Keys& keys, Builder& out) : spec_(spec), keys_(keys), out_(out) {}
  ~Writer() {
    for (auto& [path, file] : files_) forget(file.content);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void take(const WriteFilesEntry& item, std::size_t index) {
    const std::string unnamed = "cloud-init:" + spec_.name + "/write_files[" + std::to_string(index) + "]";
    object entry;
    if (item.entry.get_object().get(entry) != simdjson::SUCCESS) return out_.skip(unnamed, "not a map");
    element value;
    std::string_view given;
    if (!has(entry, "path", value)) return out_.skip(unnamed, "no path: cloud-init ignores it");
    if (value.get_string().get(given) != simdjson::SUCCESS || given.empty())
      return out_.skip(unnamed, "its path is not text, or empty: cloud-init cannot write it");
    const auto path = normal_path(given, "/");
    if (!path) return out_.skip(unnamed, "its path cannot be one: " + path.error().why);
    const std::string address = address_of(*path);
    std::optional<std::string> owner = "root", group = "root";
    if (entry["owner"].get(value) == simdjson::SUCCESS) {
      std::string_view pair;
      if (!value.is_null() && value.get_string().get(pair) != simdjson::SUCCESS)
        return out_.skip(address, "its owner is not text: cloud-init stops at it");
      const auto colon = pair.find(':');
      owner = side_of_owner(pair.substr(0, colon));
      group = colon == std::string_view::npos ? std::nullopt : side_of_owner(pair.substr(colon + 1));
    }
    std::string content, why_not;
    if (auto ok = read_content(item, entry, content, why_not); !ok) return out_.skip(address, ok.error().why);
    write(*path, entry, content, why_not, std::move(owner), std::move(group));
    explicit_bzero(content.data(), content.size());
  }

  void emit() {
    for (auto& [path, file] : files_) {
      const std::string address = address_of(path);
      Resource resource{address, "cloud-init", "write_files", {path}, "", "", {}, {}};
      add(resource, "append", file.append ? "true" : "");
      add(resource, "defer", file.defer ? "true" : "");
      add(resource, "owner", file.owner.value_or("") + (file.group ? ":" + *file.group : ""));
      char mode[16];
      std::snprintf(mode, sizeof mode, "0%o", file.mode);
      add(resource, "permissions", mode);
      out_.resource(resource);
      if (file.entries > 1 && !file.append)
        out_.skip(address, "written by more than one entry: what the last one writes is compared");
      if (!file.known) out_.skip(address, file.why_not + ": only its other attributes are compared");
      FileExpectation expected;
      expected.address = address;
      expected.path = path;
      expected.sensitive = true;
      if (file.known) expected.content = keys_.files.of_digest(digest_of(file.content));
      expected.mode = file.mode;
      expected.owner = file.owner;
      expected.group = file.group;
      out_.file(std::move(expected));
    }
  }

 private:
  /// On one line whatever the path holds.
  std::string address_of(const std::string& path) const {
    std::string address = "cloud-init:" + spec_.name + "/write_files[";
    for (const char c : path) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte >= 0x20 && byte != 0x7F) {
        address += c;
      } else {
        address += "\\x";
        append_hex(address, byte, lower_hex);
      }
    }
    return address + "]";
  }

  void add(Resource& resource, const char* name, const std::string& value) const {
    const auto [text, secret] = canonical_text(value);
    resource.attributes.push_back({name, keys_.attributes.of(text), secret ? "" : text, secret});
  }

  /// read_url_or_decode() and extract_contents(). An error is an entry at which cloud-init fails.
  Result<void> read_content(const WriteFilesEntry& item, const object& entry, std::string& content,
                            std::string& why_not) {
    element value;
    if (element source; has(entry, "source", source))
      if (std::string_view uri; source["uri"].get_string().get(uri) == simdjson::SUCCESS && !uri.empty()) {
        why_not = "its content comes from an URL (source.uri)";
        return {};
      }
    const bool binary = has(entry, binary_content, value);
    if (!binary && !has(entry, "content", value)) return {};  // written empty
    std::string_view text;
    if (value.get_string().get(text) != simdjson::SUCCESS)
      return invalid("read write_files", "its content is not text: cloud-init cannot write it");
    Encoding encoding;
    if (element given; has(entry, "encoding", given)) {
      std::string_view name;
      if (given.get_string().get(name) != simdjson::SUCCESS)
        return invalid("read write_files", "its encoding is not text: cloud-init cannot write it");
      encoding = encoding_of(name);
    }
    if (text.find(binary_content) != std::string_view::npos ||
        (item.binary_elsewhere && decode_base64(text, Base64::strict))) {
      why_not = "it cannot be told here whether the YAML tag !!binary belongs to its content";
      return {};
    }
    content = text;
    if (binary && !from_base64(content)) return invalid("read write_files", "its !!binary content is not base64");
    if (encoding.base64 && !from_base64(content))
      return invalid("read write_files", "its content is not base64: cloud-init cannot write it");
    if (!encoding.gzip) return {};
    auto unpacked = gunzip(content, max_unpacked - unpacked_);
    explicit_bzero(content.data(), content.size());
    if (!unpacked) return invalid("read write_files", "its gzip content cannot be read: " + unpacked.error().why);
    unpacked_ += unpacked->size();
    content = std::move(*unpacked);
    return {};
  }

  static bool from_base64(std::string& content) {
    auto bytes = decode_base64(content, Base64::lenient);
    explicit_bzero(content.data(), content.size());
    if (!bytes) return false;
    content = std::move(*bytes);
    return true;
  }

  void write(const std::string& path, const object& entry, std::string& content, const std::string& why_not,
             std::optional<std::string> owner, std::optional<std::string> group) {
    Planned& file = files_[path];
    ++file.entries;
    file.append = is_true(entry, "append");
    file.defer = is_true(entry, "defer");
    file.mode = write_files_mode(entry);
    // chown leaves alone what is not named: root's where the file is new, and else whose it was.
    if (owner) file.owner = std::move(owner);
    if (group) file.group = std::move(group);
    if (file.append && file.entries == 1) {
      file.why_not = "it is appended to a file that this source does not write";
    } else if (!why_not.empty()) {
      file.known = false;
      file.why_not = why_not;
    } else if (!file.append) {
      forget(file.content);
      file.content.push_back(std::move(content));
      file.known = true;
    } else if (file.known) {
      file.content.push_back(std::move(content));
    }
  }

  const SourceSpec& spec_;
  const Keys& keys_;
  Builder& out_;
  std::map<std::string, Planned> files_;
  std::size_t unpacked_ = 0;
};

}  // namespace

std::uint32_t write_files_mode(object entry) {
  element value;
  if (!has(entry, "permissions", value)) return default_mode;
  std::int64_t number = 0;
  double real = 0;
  bool flag = false;
  std::string_view text;
  if (value.get_int64().get(number) == simdjson::SUCCESS) return static_cast<std::uint32_t>(number) & 07777;
  if (value.get_bool().get(flag) == simdjson::SUCCESS) return flag ? 1 : 0;
  if (value.is_double() && value.get_double().get(real) == simdjson::SUCCESS && std::fabs(real) < 1e9)
    return static_cast<std::uint32_t>(static_cast<std::int64_t>(real)) & 07777;
  if (value.get_string().get(text) != simdjson::SUCCESS) return default_mode;
  const auto octal = python_octal(text);
  return octal ? static_cast<std::uint32_t>(*octal & 07777) : default_mode;
}

void emit_write_files(const SourceSpec& spec, const std::deque<WriteFilesEntry>& entries, const Keys& keys,
                      Builder& out) {
  Writer writer(spec, keys, out);
  for (const bool deferred : {false, true})
    for (std::size_t i = 0; i < entries.size(); ++i) {
      object entry;
      const bool defers = entries[i].entry.get_object().get(entry) == simdjson::SUCCESS && is_true(entry, "defer");
      if (defers == deferred) writer.take(entries[i], i);
    }
  writer.emit();
}

}  // namespace plumbline::baseline
