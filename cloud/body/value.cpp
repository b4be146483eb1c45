#include "cloud/body/value.hpp"

#include <algorithm>
#include <unordered_map>

#include <string.h>

namespace plumbline::cloud {

Value Value::of_text(std::string_view text) {
  return of(Kind::text, text);
}

Value Value::of(Kind kind, std::string_view text) {
  return {kind, std::string(text), {}, {}, {}, false};
}

const Value* Value::find(std::string_view name) const {
  for (const auto& member : members)
    if (member.name == name) return &member.value;
  return nullptr;
}

const Value* Value::find(std::initializer_list<std::string_view> path) const {
  const Value* value = this;
  for (const auto name : path) {
    if (value == nullptr) return nullptr;
    value = value->find(name);
  }
  return value;
}

void wipe(Value& value) {
  ::explicit_bzero(value.text.data(), value.text.size());
  value.text.clear();
  for (auto& item : value.items) wipe(item);
  for (auto& member : value.members) wipe(member.value);
  value.items.clear();
  value.members.clear();
  value.prints.clear();
}

namespace {

/// Secrets without a text may be anything.
bool same(const Value& a, const Value& b) {
  const auto same_member = [](const Member& x, const Member& y) { return x.name == y.name && same(x.value, y.value); };
  return a.kind == b.kind && a.kind != Value::Kind::secret && a.text == b.text &&
         std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), same) &&
         std::equal(a.members.begin(), a.members.end(), b.members.begin(), b.members.end(), same_member);
}

bool has_one_twice(const std::vector<Member>& members) {
  if (members.size() < 2) return false;
  std::vector<std::string_view> names;
  names.reserve(members.size());
  for (const auto& member : members) names.push_back(member.name);
  std::sort(names.begin(), names.end());
  return std::adjacent_find(names.begin(), names.end()) != names.end();
}

}  // namespace

bool add_again(Value& value, Value again) {
  if (again.kind == Value::Kind::several) {
    bool all = true;
    for (auto& item : again.items) all = add_again(value, std::move(item)) && all;
    return all;
  }
  const Value& last = value.kind == Value::Kind::several ? value.items.back() : value;
  if (same(last, again)) {
    wipe(again);
    return true;
  }
  if (value.kind != Value::Kind::several) {
    Value all = Value::of(Value::Kind::several);
    all.items.push_back(std::move(value));
    value = std::move(all);
  }
  const bool fits = value.items.size() < max_several;
  if (!fits) {
    wipe(value.items.back());
    value.items.pop_back();
  }
  value.items.push_back(std::move(again));
  return fits;
}

bool each_name_once(Value& value) {
  bool all = true;
  for (auto& item : value.items) all = each_name_once(item) && all;
  for (auto& member : value.members) all = each_name_once(member.value) && all;
  if (!has_one_twice(value.members)) return all;
  std::vector<Member> once;
  std::unordered_map<std::string, std::size_t> known;
  for (auto& member : value.members) {
    const auto [at, fresh] = known.try_emplace(member.name, once.size());
    if (fresh)
      once.push_back(std::move(member));
    else
      all = add_again(once[at->second].value, std::move(member.value)) && all;
  }
  value.members = std::move(once);
  return all;
}

std::vector<std::string_view> texts_of(const Value* value) {
  std::vector<std::string_view> texts;
  if (value == nullptr) return texts;
  if (value->kind == Value::Kind::text) texts.push_back(value->text);
  if (value->kind == Value::Kind::several)
    for (const auto& item : value->items)
      if (item.kind == Value::Kind::text) texts.push_back(item.text);
  return texts;
}

bool holds_secret(const Value& value) {
  return value.kind == Value::Kind::secret || std::any_of(value.items.begin(), value.items.end(), holds_secret) ||
         std::any_of(value.members.begin(), value.members.end(),
                     [](const Member& member) { return holds_secret(member.value); });
}

}  // namespace plumbline::cloud
