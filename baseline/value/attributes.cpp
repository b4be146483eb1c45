#include "baseline/value/attributes.hpp"

#include <string.h>

#include <algorithm>
#include <array>
#include <unordered_map>

#include "baseline/value/sensitive.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::size_t max_known_names = 16384;

/// A state repeats a few hundred names millions of times.
bool name_is_sensitive(std::string_view name) {
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  thread_local std::unordered_map<std::string, bool, Hash, std::equal_to<>> known;
  if (const auto found = known.find(name); found != known.end()) return found->second;
  if (known.size() == max_known_names) known.clear();
  return known.emplace(name, sounds_sensitive(name)).first->second;
}

/// A list of paths, asked for each path on the way down, so that equality is enough: whoever is below a listed path
/// came through it. First character and length tell nearly all others apart.
class PathSet {
 public:
  explicit PathSet(const std::vector<std::string>& paths) : paths_(paths) {
    for (const auto& path : paths)
      if (!path.empty()) lengths_[first_of(path)] |= std::uint64_t{1} << (path.size() & 63);
  }
  bool has(std::string_view path) const {
    if (path.empty() || (lengths_[first_of(path)] >> (path.size() & 63) & 1) == 0) return false;
    return std::find(paths_.begin(), paths_.end(), path) != paths_.end();
  }

 private:
  static unsigned char first_of(std::string_view path) { return static_cast<unsigned char>(path[0]); }

  const std::vector<std::string>& paths_;
  std::array<std::uint64_t, 256> lengths_{};
};

class Flattener {
 public:
  Flattener(const AttributeRules& rules, const Fingerprinter& fingerprints, std::vector<Attribute>& out)
      : rules_(rules), sensitive_(rules.sensitive), computed_(rules.computed), fingerprints_(fingerprints), out_(out) {}

  ~Flattener() { ::explicit_bzero(text_.data(), text_.size()); }
  Flattener(const Flattener&) = delete;
  Flattener& operator=(const Flattener&) = delete;

  void flatten(object members, std::string& path, bool sensitive) {
    for (const auto member : members) {
      const std::size_t size = path.size();
      if (size != 0) path += '.';
      append_part(member.key, path);
      if (!computed_.has(path))
        add(member.value, member.key, path, sensitive || sensitive_.has(path) || name_is_sensitive(member.key));
      path.resize(size);
    }
  }

 private:
  static void append_part(std::string_view key, std::string& path) {
    for (const char c : key) {
      if (c == '.' || c == '\\') path += '\\';
      path += c;
    }
  }

  void add(element value, std::string_view key, std::string& path, bool sensitive) {
    const bool secret = rules_.is_secret && rules_.is_secret(value);
    object members;
    if (!secret && value.get_object().get(members) == simdjson::SUCCESS && members.size() > 0) {
      flatten(members, path, sensitive);
      return;
    }
    text_.clear();
    const bool ordered = value.is_array() && ordered_by_name(key);
    append_canonical(value, ordered ? Lists::ordered : rules_.lists, text_);
    Attribute& attribute = out_.emplace_back();
    attribute.path = path;
    attribute.sensitive = sensitive || secret || looks_sensitive(text_);
    attribute.hash = fingerprints_.of(text_);
    if (!attribute.sensitive && text_.size() <= max_shown) attribute.value = text_;
  }

  const AttributeRules& rules_;
  PathSet sensitive_, computed_;
  const Fingerprinter& fingerprints_;
  std::vector<Attribute>& out_;
  std::string text_;
};

}  // namespace

void append_attributes(object members, const AttributeRules& rules, const Fingerprinter& fingerprints,
                       std::vector<Attribute>& out, std::string_view prefix) {
  std::string path(prefix);
  const auto covers = [&](const std::string& of) { return !path.empty() && is_within(path, of); };
  if (std::any_of(rules.computed.begin(), rules.computed.end(), covers)) return;
  const bool sensitive = rules.all_sensitive || std::any_of(rules.sensitive.begin(), rules.sensitive.end(), covers);
  Flattener(rules, fingerprints, out).flatten(members, path, sensitive);
}

bool is_within(std::string_view path, std::string_view of) {
  if (!path.starts_with(of)) return false;
  return path.size() == of.size() || of.empty() || path[of.size()] == '.' || path[of.size()] == '[';
}

std::string path_part(std::string_view key) {
  std::string part;
  for (const char c : key) {
    if (c == '.' || c == '\\') part += '\\';
    part += c;
  }
  return part;
}

}  // namespace plumbline::baseline
