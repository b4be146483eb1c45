#include "baseline/value/attributes.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "baseline/value/canonical_writer.hpp"
#include "baseline/value/iam_policy.hpp"
#include "baseline/value/json_keys.hpp"
#include "baseline/value/json_quotes.hpp"
#include "baseline/value/named_values.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::size_t max_remembered = 4096;  ///< steps: an object with more of them is no one's usual one

std::uint64_t bit_of(std::string_view path) {
  if (path.empty()) return 1;
  return std::uint64_t{1} << ((static_cast<unsigned char>(path.front()) * 7u +
                               static_cast<unsigned char>(path.back())) &
                              63u);
}

void append_part(std::string_view key, std::string& path) {
  if (key.empty()) path += "\\e";  // else the path of what is in it would be that of what is beside it
  for (const char c : key) {
    if (c == '.' || c == '\\') path += '\\';
    path += c;
  }
}

/// Of this thread, since walks come and go: the value at hand, wiped after each object.
WipedText& scratch() {
  thread_local WipedText text;
  return text;
}

}  // namespace

PathSet::PathSet(const std::vector<std::string>& paths) : paths_(&paths) {
  for (const auto& path : paths) {
    has_root_ = has_root_ || path.empty();
    marks_[path.size() % marks_.size()] |= bit_of(path);
  }
}

bool PathSet::has(std::string_view path) const {
  return (marks_[path.size() % marks_.size()] & bit_of(path)) != 0 &&
         std::find(paths_->begin(), paths_->end(), path) != paths_->end();
}

bool PathSet::covers(std::string_view path) const {
  if (path.empty()) return has_root_;
  return std::any_of(paths_->begin(), paths_->end(), [&](const std::string& of) { return is_within(path, of); });
}

void AttributeWalk::use(const AttributeRules& rules) {
  rules_ = &rules;
  sensitive_ = PathSet(rules.sensitive);
  computed_ = PathSet(rules.computed);
  steps_.clear();
}

bool AttributeWalk::replace(object object, std::vector<Attribute>& out, std::size_t from, std::string_view prefix) {
  if (prefix != prefix_) steps_.clear();
  prefix_ = prefix;
  met_ = 0;
  out_ = &out;
  used_ = from;
  key_twice_ = false;
  if (!computed_.covers(prefix)) members(object, prefix_, 0, rules_->all_sensitive || sensitive_.covers(prefix));
  out.erase(out.begin() + static_cast<std::ptrdiff_t>(used_), out.end());
  scratch().clear();
  steps_.resize(met_ > max_remembered || key_twice_ ? 0 : met_);  // those that were not met have no attribute any more
  return !key_twice_;
}

/// The steps' names and depths in order tell the whole tree of names, so a step that fits behind steps that fitted has
/// the same path.
AttributeWalk::Step& AttributeWalk::step(std::string_view key, std::string_view parent, std::size_t depth,
                                         bool& is_new) {
  if (met_ < steps_.size()) {
    Step& known = *steps_[met_];
    if (known.key == key && known.depth == depth) {
      ++met_;
      return known;
    }
    steps_.resize(met_);
  }
  is_new = true;
  Step& fresh = *steps_.emplace_back(std::make_unique<Step>());
  ++met_;
  fresh.key = key;
  const bool is_own = depth == 0 && !rules_->merged.whole.empty();
  const bool is_whole = is_own && key == rules_->merged.whole;
  fresh.path = parent;
  if (!parent.empty()) fresh.path += '.';
  append_part(is_whole ? std::string_view(rules_->merged.part) : key, fresh.path);
  fresh.depth = depth;
  fresh.nested = !parent.empty();
  fresh.name = known_facts_of(key);
  fresh.left_out = computed_.has(fresh.path) || (is_own && key == rules_->merged.part);
  fresh.sensitive = sensitive_.has(fresh.path);
  return fresh;
}

void AttributeWalk::members(object object, std::string_view path, std::size_t depth, bool sensitive) {
  bool has_new = false;
  std::optional<bool> names_secret;  // looked for once, however many values there are
  const auto is_named_so = [&] {
    if (!names_secret) names_secret = names_a_secret(object);
    return *names_secret;
  };
  for (auto member = object.begin(); member != object.end(); ++member) {
    Step& here = step(member.key(), path, depth, has_new);
    here.around_sensitive = sensitive;
    const element at = member.value();
    if (here.left_out) {
      key_twice_ = key_twice_ || has_key_twice_within(at);
      continue;
    }
    // No secret is true or false.
    const bool sounds = (here.name & name_sounds_sensitive) != 0 && !at.is_bool();
    const bool named = (here.name & name_of_pair_value) != 0 && !at.is_bool() && is_named_so();
    value(at, here, sensitive || sounds || named || here.sensitive);
  }
  // Names that stood in the objects before were looked at there.
  if (has_new) key_twice_ = key_twice_ || has_key_twice(object);
}

void AttributeWalk::value(element value, Step& step, bool sensitive) {
  const bool secret = rules_->is_secret && rules_->is_secret(value);
  std::string_view text;
  const bool is_text = value.get_string().get(text) == simdjson::SUCCESS;
  if (is_text && !secret && !sensitive && stays(step, text)) {
    ++used_;
    return;
  }
  object object;
  const bool is_map = !secret && value.get_object().get(object) == simdjson::SUCCESS;
  if (is_map && !is_policy(object)) {
    step.place = not_kept;
    // As in canonical.hpp: {"default_action": {"allow": {}}} says something, {"tags": {}} does not.
    if (object.size() == 0) return keep(step, step.nested && (step.name & name_of_map) == 0 ? "{}" : "", sensitive);
    step.walked = true;
    return members(object, step.path, step.depth + 1, sensitive);
  }
  // Of a policy's members none is met, nor their marks.
  const auto is_below = [&](const std::string& mark) { return is_within(mark, step.path); };
  sensitive = sensitive || (is_map && std::any_of(rules_->sensitive.begin(), rules_->sensitive.end(), is_below));
  WipedText& canonical = scratch();
  canonical.cut(0);
  const Met met = value.is_null() ? Met{} : write_canonical(value, rules_->lists, step.name, canonical);
  key_twice_ = key_twice_ || met.key_twice;
  keep(step, canonical.from(0), sensitive || secret || met.secret);
  step.plain = is_text && is_plain_text(text, step.name) && canonical.from(0).find('\\') == std::string_view::npos;
}

bool AttributeWalk::change(std::size_t step, element value) {
  Step& here = *steps_[step];
  if (here.left_out) return !has_key_twice_within(value);
  object object;
  if (value.get_object().get(object) == simdjson::SUCCESS && object.size() != 0 && !is_policy(object)) return false;
  used_ = here.place;
  key_twice_ = false;
  const bool sounds = (here.name & name_sounds_sensitive) != 0 && !value.is_bool();
  this->value(value, here, here.around_sensitive || here.sensitive || sounds);
  scratch().clear();
  return !key_twice_;
}

bool AttributeWalk::change_text(std::size_t step, std::string_view text) {
  Step& here = *steps_[step];
  if (here.left_out) return true;
  if (rules_->is_secret || !is_plain_text(text, here.name)) return false;
  used_ = here.place;
  WipedText& canonical = scratch();
  canonical.cut(0);
  const bool secret = looks_sensitive(text, put_quoted(text, canonical));
  const bool sounds = (here.name & name_sounds_sensitive) != 0;
  keep(here, canonical.from(0), secret || here.around_sensitive || here.sensitive || sounds);
  here.plain = true;
  canonical.clear();
  return true;
}

/// Whether the attribute that stands there was made of this very text.
bool AttributeWalk::stays(const Step& step, std::string_view text) const {
  if (!step.plain || !has_place(step)) return false;
  const std::string& value = (*out_)[used_].value;  // "" where it is sensitive or long
  return value.size() == text.size() + 2 && value.compare(1, text.size(), text) == 0;
}

void AttributeWalk::keep(Step& step, std::string_view text, bool sensitive) {
  const bool has_path = has_place(step);
  step.place = used_;
  step.walked = false;
  step.plain = false;
  Attribute& attribute = used_ < out_->size() ? (*out_)[used_] : out_->emplace_back();
  ++used_;
  if (!has_path) attribute.path = step.path;
  const bool same = !text.empty() && attribute.value == text;
  if (!same) attribute.hash = fingerprints_.of(text);
  attribute.sensitive = sensitive;
  if (sensitive || text.size() > max_shown)
    attribute.value.clear();
  else if (!same)
    attribute.value.assign(text);
}

void append_attributes(object members, const AttributeRules& rules, const Fingerprinter& fingerprints,
                       std::vector<Attribute>& out, std::string_view prefix) {
  AttributeWalk walk(fingerprints);
  walk.use(rules);
  walk.replace(members, out, out.size(), prefix);
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
