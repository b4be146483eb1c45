#include "baseline/source/terraform_repeat.hpp"

#include <algorithm>
#include <charconv>

namespace plumbline::baseline {
namespace {

using simdjson::dom::element;

constexpr std::size_t deepest = 8;  // objects within objects: each level is passed over once more, to find its end

std::string_view unquoted(std::string_view value) {
  return value.substr(1, value.size() - 2);
}

bool is_text(std::string_view value) {
  return value.front() == '"';
}

/// Names are taken as they are written.
bool has_escapes(std::string_view value) {
  return is_text(value) && value.find('\\') != std::string_view::npos;
}

/// A whole number as count writes it.
bool is_index(std::string_view value) {
  constexpr std::size_t most_digits = 18;
  return value.size() <= most_digits && (value.front() != '0' || value.size() == 1) &&
         std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

void TerraformRepeat::learn(std::string_view text, std::string_view index) {
  index_ = index;
  roles_.clear();
  names_.clear();
  if (!emitter_.can_repeat() || !outline_.begin(text) || !add_instance(text)) outline_.clear();
}

bool TerraformRepeat::add_instance(std::string_view text) {
  JsonMembers members(text, 0);
  while (members.next()) {
    const std::string_view key = members.key();
    if (key.find('\\') != std::string_view::npos) return false;  // it may say anything
    bool fine = false;
    if (key == "attributes") {
      std::size_t step = 0;
      fine = text[members.begin()] == '{' && add_attributes(text, members.begin(), 0, step) &&
             step == emitter_.walk().steps();
    } else {
      const bool decides = key == "sensitive_attributes" || key == "deposed" || key == "provider";
      const auto meaning = decides ? Meaning::must_not_change : key == "index_key" ? Meaning::index : Meaning::nothing;
      fine = add_value(members, {meaning, false, 0});
    }
    if (!fine) return false;
  }
  return members.ended();
}

/// As the walk met them, whose steps begin with `step`: what does not fit them is not followed.
bool TerraformRepeat::add_attributes(std::string_view text, std::size_t at, std::size_t depth, std::size_t& step) {
  if (depth > deepest) return false;
  const AttributeWalk& walk = emitter_.walk();
  const std::size_t first = roles_.size();
  bool has_pair_value = false, has_value = false, has_type = false;
  JsonMembers members(text, at);
  while (members.next()) {
    if (step == walk.steps()) return false;
    const std::size_t of = step++;
    const auto& known = walk.step(of);
    if (known.depth != depth || known.key != members.key()) return false;
    if (known.key == "Statement") return false;  // another value of it may make a policy of what it stands in
    has_value = has_value || known.key == "value";
    has_type = has_type || known.key == "type";
    has_pair_value = has_pair_value || (known.name & name_of_pair_value) != 0;
    const std::string_view value = text.substr(members.begin(), members.end() - members.begin());
    bool fine = false;
    if (known.walked) {
      fine = add_attributes(text, members.begin(), depth + 1, step);
    } else if (known.left_out && value.front() == '{') {
      fine = add_left_out(text, members, of);
    } else {
      const bool names = depth == 0 && NamingMembers::wants(known.key);
      if (names) names_.push_back({known.key, roles_.size()});
      // Whether it counts hangs on whether it is a map.
      const bool decides = depth == 0 && known.key == emitter_.merged().whole;
      const auto meaning = decides ? Meaning::must_not_change : Meaning::attribute;
      fine = add_value(members, {meaning, names, of}) && !(names && has_escapes(value));
    }
    if (!fine) return false;
  }
  if (depth == 1 && has_value && has_type) return false;  // another type may make it a wrapping
  // Of {"name": …, "value": …} one says what the other is.
  if (has_pair_value)
    for (std::size_t i = first; i < roles_.size(); ++i)
      if (const auto& known = walk.step(roles_[i].step);
          known.depth == depth && (known.name & (name_of_pair_name | name_of_pair_value)) != 0)
        roles_[i].meaning = Meaning::must_not_change;
  return members.ended();
}

/// An object of which no attribute is made: only that it stays well-formed counts.
bool TerraformRepeat::add_left_out(std::string_view text, const JsonMembers& member, std::size_t step) {
  JsonMembers inner(text, member.begin());
  while (inner.next())
    if (!add_value(inner, {Meaning::attribute, false, step})) return false;
  return inner.ended();
}

bool TerraformRepeat::add_value(const JsonMembers& member, Role role) {
  roles_.push_back(role);
  return outline_.add(member.begin(), member.end());
}

std::size_t TerraformRepeat::follow(std::string_view ahead, std::string_view base) {
  const std::size_t size = outline_.follow(ahead, [this](std::size_t i, std::string_view value, bool is_plain) {
    return change(roles_[i], value, is_plain);
  });
  if (size == 0) return 0;
  look_for_names();
  address_.assign(base).append(index_);
  emitter_.emit_again(address_, members_);
  return size;
}

bool TerraformRepeat::change(const Role& role, std::string_view value, bool is_plain) {
  if (role.meaning == Meaning::must_not_change) return false;
  if (is_plain && role.meaning == Meaning::nothing) return true;
  if (is_plain && role.meaning == Meaning::attribute && emitter_.walk().change_text(role.step, unquoted(value)))
    return true;
  if (role.names && has_escapes(value)) return false;
  if (role.meaning == Meaning::index && is_index(value)) {
    index_.assign("[").append(value).append("]");
    return true;
  }
  element parsed;
  if (parser_.parse(value, parsed) != simdjson::SUCCESS) return false;
  if (role.meaning == Meaning::attribute) return emitter_.walk().change(role.step, parsed);
  if (role.meaning == Meaning::nothing) return true;
  index_.clear();
  return append_terraform_index(parsed, index_);
}

void TerraformRepeat::look_for_names() {
  members_.clear();
  for (const auto& [name, i] : names_) {
    const std::string_view value = outline_.value(i);
    std::int64_t number = 0;
    if (is_text(value)) {
      members_.add_text(name, unquoted(value));
    } else if (const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
               error == std::errc() && end == value.data() + value.size()) {
      members_.add_number(name, number);
    }
  }
}

}  // namespace plumbline::baseline
