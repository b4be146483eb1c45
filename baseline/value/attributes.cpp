#include "baseline/value/attributes.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "baseline/value/canonical_writer.hpp"
#include "baseline/value/iam_policy.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

/// A list of paths, asked for each path on the way down, so that equality is enough: what is below a listed path is met
/// through it. Length and two characters tell nearly all others apart.
class PathSet {
 public:
  explicit PathSet(const std::vector<std::string>& paths) : paths_(paths) {
    for (const auto& path : paths) {
      has_root_ = has_root_ || path.empty();
      marks_[path.size() % marks_.size()] |= bit(path);
    }
  }
  bool has(std::string_view path) const {
    return (marks_[path.size() % marks_.size()] & bit(path)) != 0 &&
           std::find(paths_.begin(), paths_.end(), path) != paths_.end();
  }
  /// Whether all that is below `path` is below one of the list.
  bool covers(std::string_view path) const {
    if (path.empty()) return has_root_;
    return std::any_of(paths_.begin(), paths_.end(), [&](const std::string& of) { return is_within(path, of); });
  }

 private:
  static std::uint64_t bit(std::string_view path) {
    if (path.empty()) return 1;
    return std::uint64_t{1} << ((static_cast<unsigned char>(path.front()) * 7u +
                                 static_cast<unsigned char>(path.back())) &
                                63u);
  }

  const std::vector<std::string>& paths_;
  std::array<std::uint64_t, 32> marks_{};
  bool has_root_ = false;
};

void append_part(std::string_view key, std::string& path) {
  for (const char c : key) {
    if (c == '.' || c == '\\') path += '\\';
    path += c;
  }
}

class Flattener {
 public:
  Flattener(const AttributeRules& rules, const Fingerprinter& fingerprints, std::vector<Attribute>& out)
      : rules_(rules), sensitive_(rules.sensitive), computed_(rules.computed), fingerprints_(fingerprints), out_(out) {}

  void run(object members, std::string_view prefix) {
    path_.reserve(200);  // for nearly all of them
    path_ = prefix;
    if (computed_.covers(prefix)) return;
    flatten(members, rules_.all_sensitive || sensitive_.covers(prefix));
    text_.clear();
  }

 private:
  void flatten(object members, bool sensitive) {
    const std::size_t size = path_.size();
    for (auto member = members.begin(); member != members.end(); ++member) {
      const std::string_view key = member.key();
      const element value = member.value();
      const NameFacts name = known_facts_of(key);
      std::string_view path = key;  // nearly all are at the top, where the key is the path
      if (size != 0 || (name & name_needs_escape) != 0) {
        if (size != 0) path_ += '.';
        append_part(key, path_);
        path = path_;
      }
      if (!computed_.has(path)) {
        // No secret is true or false.
        const bool sounds = (name & name_sounds_sensitive) != 0 && !value.is_bool();
        add(value, name, path, size != 0, sensitive || sounds || sensitive_.has(path));
      }
      path_.resize(size);
    }
  }

  void add(element value, NameFacts name, std::string_view path, bool nested, bool sensitive) {
    const bool secret = rules_.is_secret && rules_.is_secret(value);
    object members;
    if (!secret && value.get_object().get(members) == simdjson::SUCCESS && !is_policy(members)) {
      // As in canonical.hpp: {"default_action": {"allow": {}}} says something, {"tags": {}} does not.
      if (members.size() == 0) return keep(path, nested && (name & name_of_map) == 0 ? "{}" : "", sensitive);
      if (path.data() != path_.data()) path_ = path;
      return flatten(members, sensitive);
    }
    text_.cut(0);
    const bool found = !value.is_null() && write_canonical(value, rules_.lists, name, text_);
    keep(path, text_.from(0), sensitive || secret || found);
  }

  void keep(std::string_view path, std::string_view text, bool sensitive) {
    Attribute& attribute = out_.emplace_back();
    attribute.path.assign(path);
    attribute.hash = fingerprints_.of(text);
    attribute.sensitive = sensitive;
    if (!sensitive && text.size() <= max_shown) attribute.value.assign(text);
  }

  static WipedText& scratch() {
    thread_local WipedText text;
    return text;
  }

  const AttributeRules& rules_;
  const PathSet sensitive_, computed_;
  const Fingerprinter& fingerprints_;
  std::vector<Attribute>& out_;
  std::string path_;
  WipedText& text_ = scratch();
};

}  // namespace

void append_attributes(object members, const AttributeRules& rules, const Fingerprinter& fingerprints,
                       std::vector<Attribute>& out, std::string_view prefix) {
  Flattener(rules, fingerprints, out).run(members, prefix);
}

bool is_within(std::string_view path, std::string_view of) {
  if (!path.starts_with(of)) return false;
  return path.size() == of.size() || of.empty() || path[of.size()] == '.' || path[of.size()] == '[';
}

std::string path_part(std::string_view key) {
  std::string part;
  append_part(key, part);
  return part;
}

}  // namespace plumbline::baseline
