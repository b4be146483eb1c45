#include "cloud/body/value.hpp"

#include <algorithm>

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

bool holds_secret(const Value& value) {
  return value.kind == Value::Kind::secret || std::any_of(value.items.begin(), value.items.end(), holds_secret) ||
         std::any_of(value.members.begin(), value.members.end(),
                     [](const Member& member) { return holds_secret(member.value); });
}

}  // namespace plumbline::cloud
