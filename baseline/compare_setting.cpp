#include "baseline/compare_setting.hpp"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

#include "baseline/value/attributes.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;
using Result = ComparedSetting::Result;

/// A canonical text without the quotes of a plain text.
std::string shown(std::string_view canonical) {
  const bool is_text = canonical.size() >= 2 && canonical.front() == '"' && canonical.back() == '"' &&
                       canonical.find('\\') == std::string_view::npos;
  return std::string(is_text ? canonical.substr(1, canonical.size() - 2) : canonical);
}

std::string shown_hash(Fingerprint hash) {
  char text[32];
  std::snprintf(text, sizeof text, "siphash:%016llx", static_cast<unsigned long long>(hash));
  return hash == 0 ? "" : text;
}

/// Whether all that `part` says is in `whole` too: a state also has the members that nobody gave.
bool is_part(element part, element whole, Lists lists) {
  object wanted, there;
  if (part.get_object().get(wanted) != simdjson::SUCCESS || whole.get_object().get(there) != simdjson::SUCCESS)
    return canonical(part, lists).text == canonical(whole, lists).text;
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& member) {
    const std::string text = canonical(member.value, lists, member.key).text;
    element found;
    if (there[member.key].get(found) != simdjson::SUCCESS) return text.empty();
    return text == canonical(found, lists, member.key).text;
  });
}

/// "metadata.annotations.a\\.b" → "metadata.annotations" and the key "a.b".
std::pair<std::string_view, std::string> split_last(std::string_view path) {
  std::size_t dot = std::string_view::npos;
  for (std::size_t i = 0; i < path.size(); ++i)
    if (path[i] == '\\')
      ++i;
    else if (path[i] == '.')
      dot = i;
  const auto part = dot == std::string_view::npos ? path : path.substr(dot + 1);
  std::string key;
  for (std::size_t i = 0; i < part.size(); ++i) key += part[i] == '\\' && i + 1 < part.size() ? part[++i] : part[i];
  return {dot == std::string_view::npos ? std::string_view() : path.substr(0, dot), std::move(key)};
}

class Compare {
 public:
  Compare(const std::vector<IndexedAttribute>& attributes, const SourceShape& shape, const Fingerprinter& fingerprints)
      : attributes_(attributes), lists_(shape.lists), whole_map_(shape.whole_map), fingerprints_(fingerprints) {}

  ComparedSetting leaf(const Attribute& live) {
    ComparedSetting compared;
    compared.attribute = live.path;
    if (const auto* known = find(live.path); known != nullptr) {
      const Fingerprint expected = known->absent           ? 0
                                   : !known->value.empty() ? fingerprints_.of(known->value)
                                                           : known->hash;
      compared.sensitive = known->sensitive || live.sensitive;
      const bool in_clear =
          !compared.sensitive && (known->absent || !known->value.empty()) && (live.hash == 0 || !live.value.empty());
      compared.result = expected == live.hash ? Result::same : Result::different;
      compared.expected = known->absent ? "" : in_clear ? shown(known->value) : shown_hash(expected);
      compared.live = live.hash == 0 ? "" : in_clear ? shown(live.value) : shown_hash(live.hash);
      return compared;
    }
    compared.sensitive = live.sensitive;
    if (is_unwanted(live.path)) {
      compared.result = live.hash == 0 ? Result::same : Result::different;
      compared.live = live.hash != 0 && live.value.empty() ? shown_hash(live.hash) : shown(live.value);
      return compared;
    }
    const auto expected = within(live.path, compared);
    // A list of blocks that was compared in clear could tell what is secret.
    if (!expected || compared.sensitive) {
      if (expected) compared.why = "the baseline has " + live.path + " in a list";
      return compared;
    }
    compared.result = fingerprints_.of(*expected) == live.hash ? Result::same : Result::different;
    compared.expected = shown(*expected);
    compared.live = live.hash != 0 && live.value.empty() ? shown_hash(live.hash) : shown(live.value);
    return compared;
  }

  /// `prints`: of each form of the secret in which a state may hold it.
  ComparedSetting secret(const std::string& path, const std::vector<Fingerprint>& prints) {
    ComparedSetting compared;
    compared.attribute = path;
    compared.sensitive = true;
    compared.why = path + " is secret, and its value is not kept";
    if (prints.empty()) return compared;
    Fingerprint expected = 0;
    if (const auto* known = find(path); known != nullptr) {
      expected = known->absent ? 0 : !known->value.empty() ? fingerprints_.of(known->value) : known->hash;
    } else {
      const auto text = within(path, compared);
      if (!text) return compared;
      expected = fingerprints_.of(*text);
    }
    const bool is_same = std::find(prints.begin(), prints.end(), expected) != prints.end();
    compared.result = is_same ? Result::same : Result::different;
    compared.expected = shown_hash(expected);
    compared.live = shown_hash(prints.front());
    return compared;
  }

  ComparedSetting items(std::string_view path, element value, bool added) {
    ComparedSetting compared;
    compared.attribute = path;
    array changed;
    const auto* known = find(path);
    compared.why = "the baseline does not show the elements of " + std::string(path);
    if (value.get_array().get(changed) != simdjson::SUCCESS) return compared;
    const std::string live = canonical(value, lists_, split_last(path).second).text;
    compared.live = std::string(added ? "+ " : "- ") + live;
    if (known == nullptr || known->sensitive || (!known->absent && known->value.empty())) {
      if (known != nullptr && known->sensitive) compared.live.clear();
      return compared;
    }
    compared.expected = std::string(known->value);
    array there;
    if (!known->absent && !parse(known->value, there)) return compared;
    const auto is_there = [&](element item) {
      return !known->absent &&
             std::any_of(there.begin(), there.end(), [&](element each) { return is_part(item, each, lists_); });
    };
    const bool all_there = std::all_of(changed.begin(), changed.end(), is_there);
    if (added) compared.result = all_there ? Result::same : Result::different;
    // What is not found may be written in another way; that it was taken away is then no proof of anything.
    if (!added && std::any_of(changed.begin(), changed.end(), is_there)) compared.result = Result::different;
    return compared;
  }

 private:
  const IndexedAttribute* find(std::string_view path) const {
    const auto found =
        std::find_if(attributes_.begin(), attributes_.end(), [&](const auto& each) { return each.path == path; });
    return found == attributes_.end() ? nullptr : &*found;
  }

  bool has_below(std::string_view parent) const {
    return std::any_of(attributes_.begin(), attributes_.end(), [&](const auto& each) {
      return each.path.size() > parent.size() && each.path.starts_with(parent) && each.path[parent.size()] == '.';
    });
  }

  /// Whether the baseline says that there is no such member, though it does not name it.
  bool is_unwanted(std::string_view path) const {
    if (whole_map_.empty() || path.size() <= whole_map_.size() || !is_within(path, whole_map_)) return false;
    const auto* around = find(whole_map_);
    return around != nullptr ? around->absent : has_below(whole_map_);
  }

  template <class Kind>
  bool parse(std::string_view canonical_text, Kind& out) {
    element root;
    return parser_.parse(canonical_text.data(), canonical_text.size()).get(root) == simdjson::SUCCESS &&
           root.get(out) == simdjson::SUCCESS;
  }

  /// What "vpc_config.subnet_ids" is, where the baseline has `vpc_config` as one value: a list of one block. "" where
  /// it has no such member. nullopt where it cannot be told, and `compared` says why.
  std::optional<std::string> within(const std::string& path, ComparedSetting& compared) {
    compared.why = "the baseline does not say what " + path + " should be";
    // A provider may add to a map what its author did not write (default_tags of AWS').
    const auto parent = split_last(path).first;
    if (!parent.empty() && has_below(parent))
      compared.why = "the baseline has others in " + std::string(parent) + ", but no " + path +
                     ": it is new, or the provider's own default";
    for (auto dot = path.rfind('.'); dot != std::string::npos && dot > 0; dot = path.rfind('.', dot - 1)) {
      const auto* around = find(std::string_view(path).substr(0, dot));
      if (around == nullptr) continue;
      compared.sensitive = around->sensitive || compared.sensitive;
      if (around->value.empty() || around->sensitive) {
        compared.why = "the baseline keeps " + std::string(around->path) + " as one hash";
        return std::nullopt;
      }
      element at;
      if (!parse(around->value, at)) return std::nullopt;
      std::string_view rest = std::string_view(path).substr(dot + 1);
      while (true) {
        array list;
        if (at.get_array().get(list) == simdjson::SUCCESS) {
          if (list.size() != 1) return std::nullopt;
          at = list.at(0);
        }
        object map;
        if (at.get_object().get(map) != simdjson::SUCCESS) return std::nullopt;
        const auto next = rest.find('.');
        if (map[rest.substr(0, next)].get(at) != simdjson::SUCCESS) return "";
        if (next == std::string_view::npos) break;
        rest.remove_prefix(next + 1);
      }
      return canonical(at, lists_, rest).text;
    }
    return std::nullopt;
  }

  const std::vector<IndexedAttribute>& attributes_;
  const Lists lists_;
  const std::string_view whole_map_;
  const Fingerprinter& fingerprints_;
  simdjson::dom::parser parser_;
};

}  // namespace

std::vector<ComparedSetting> compare_setting(const std::vector<IndexedAttribute>& attributes, std::string_view path,
                                             const std::string& json, SettingEffect effect, const SourceShape& shape,
                                             const Fingerprinter& fingerprints) {
  std::vector<ComparedSetting> all;
  Compare compare(attributes, shape, fingerprints);
  simdjson::dom::parser parser;
  element value;
  if (parser.parse(json).get(value) != simdjson::SUCCESS) {
    all.emplace_back().attribute = path;
    all.back().why = "what was set could not be read";
    return all;
  }
  if (effect != SettingEffect::sets) {
    all.push_back(compare.items(path, value, effect == SettingEffect::adds));
    return all;
  }
  // As the member of an object, so that what its name says of it holds, too.
  const auto [parent, key] = split_last(path);
  std::string text = "{";
  wire::append_json_string(text, key);
  text += ":" + json + "}";
  object around;
  AttributeRules rules;
  rules.lists = shape.lists;
  std::vector<Attribute> leaves;
  if (parser.parse(text).get(around) == simdjson::SUCCESS)
    append_attributes(around, rules, fingerprints, leaves, parent);
  for (const auto& leaf : leaves) all.push_back(compare.leaf(leaf));
  return all;
}

ComparedSetting compare_secret(const std::vector<IndexedAttribute>& attributes, std::string_view path,
                               const std::vector<Fingerprint>& prints, const Fingerprinter& fingerprints) {
  return Compare(attributes, {}, fingerprints).secret(std::string(path), prints);
}

}  // namespace plumbline::baseline
