#include "cloud/aws/shape.hpp"

#include <algorithm>
#include <array>

#include "cloud/aws/identifier.hpp"
#include "cloud/aws/type_block.hpp"
#include "cloud/http.hpp"

namespace plumbline::cloud::aws {
namespace {

using Kind = Value::Kind;
using table::Holds;
using table::Scalar;

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 32 && text.find_first_not_of("0123456789+-.eE") == std::string_view::npos;
}

bool ends_with(std::string_view name, std::string_view ending) {
  return name.size() >= ending.size() && equal_ignoring_case(name.substr(name.size() - ending.size()), ending);
}

Value scalar(const Value& value, Scalar wanted) {
  if (value.kind == Kind::secret || value.kind == Kind::null) return value;
  if (wanted == Scalar::any) {
    const Value* inner = value.members.size() == 1 ? value.find("Value") : nullptr;  // EC2's {Value: x}
    return inner == nullptr ? value : *inner;
  }
  // Of a query, a list and a name that came again are one wire.
  if (value.kind == Kind::list && value.items.size() > 1) {
    Value all = Value::of(Kind::several);
    for (const auto& item : value.items) all.items.push_back(scalar(item, wanted));
    return all;
  }
  if (value.kind == Kind::list && !value.items.empty()) return scalar(value.items[0], wanted);
  if (value.kind == Kind::map && value.members.size() == 1) return scalar(value.members[0].value, wanted);
  if (value.kind == Kind::list || value.kind == Kind::map) return Value::of(Kind::null);
  Value made = Value::of(Kind::text, value.text);
  if (wanted == Scalar::number && is_number(value.text)) made.kind = Kind::number;
  if (wanted == Scalar::boolean)
    for (const auto& [yes, no] : {std::pair("true", "false"), std::pair("enabled", "disabled"), std::pair("yes", "no")})
      if (equal_ignoring_case(value.text, yes) || equal_ignoring_case(value.text, no))
        made = Value::of(Kind::boolean, equal_ignoring_case(value.text, yes) ? "true" : "false");
  return made;
}

Value block(const Value& value, const table::AttributeRow& attribute) {
  if (value.kind != Kind::map) return value.kind == Kind::secret ? value : Value::of(Kind::null);
  Value made = Value::of(Kind::map);
  for (const auto& [name, member] : value.members) {
    const auto* row = find_attribute(attribute.block, name, table::text(attribute.name));
    if (row == nullptr) continue;
    const auto known = table::text(row->name);
    made.members.push_back({std::string(known), shaped(member, *row)});
  }
  (void)each_name_once(made);  // two spellings of one
  return made;
}

Value one(const Value& value, const table::AttributeRow& attribute) {
  return attribute.scalar == Scalar::block ? block(value, attribute) : scalar(value, attribute.scalar);
}

/// CloudFront's {Quantity: 2, Items: [a, b]}
const Value* unwrapped(const Value* value) {
  if (value->kind != Kind::map || value->find("Quantity") == nullptr) return value;
  const Value* items = value->find("Items");
  return items == nullptr ? value : items;
}

Value map_of(const Value& value, const table::AttributeRow& attribute) {
  Value map = Value::of(Kind::map);
  if (value.kind == Kind::list && !pairs_as_map(value, map)) return map;
  if (value.kind == Kind::map) map = value;
  for (auto& member : map.members) member.value = one(member.value, attribute);
  return map;
}

}  // namespace

bool pairs_as_map(const Value& list, Value& map) {
  if (list.kind != Kind::list) return false;
  for (const auto& item : list.items) {
    const Value *key = nullptr, *value = nullptr;
    for (const auto& [name, member] : item.members) {
      if (ends_with(name, "key") || ends_with(name, "name")) key = &member;
      if (ends_with(name, "value")) value = &member;
    }
    const auto keys = texts_of(key);
    if (keys.empty()) return false;
    for (const auto text : keys)
      map.members.push_back({std::string(text), value == nullptr ? Value::of(Kind::text) : *value});
  }
  (void)each_name_once(map);
  return true;
}

Value shaped(const Value& given, const table::AttributeRow& attribute) {
  const Value& value = *unwrapped(&given);
  if (value.kind == Kind::secret || value.kind == Kind::null) return value;
  if (value.kind == Kind::several) {
    Value all = Value::of(Kind::several);
    for (const auto& item : value.items) all.items.push_back(shaped(item, attribute));
    return all;
  }
  if (attribute.sensitive != 0) return Value::of(Kind::secret);
  switch (attribute.holds) {
    case Holds::one:
      return one(value, attribute);
    case Holds::map:
      return map_of(value, attribute);
    case Holds::list:
    case Holds::set:
    case Holds::single:
      break;
  }
  Value list = Value::of(Kind::list);
  if (value.kind == Kind::list)
    for (const auto& item : value.items) list.items.push_back(one(item, attribute));
  else if (value.kind == Kind::map || !value.text.empty())  // "X=": a list of none
    list.items.push_back(one(value, attribute));
  return list;
}

Value converted(const Value& value, std::string_view conversion, const Value& parameters) {
  const auto space = conversion.find(' ');
  const auto word = conversion.substr(0, space);
  const auto rest = space == std::string_view::npos ? std::string_view() : conversion.substr(space + 1);
  if (value.kind == Kind::secret) return value;
  if (word == "csv" && value.kind == Kind::text) {
    Value list = Value::of(Kind::list);
    for (std::string_view left = value.text; !left.empty();) {
      const auto comma = left.find(',');
      auto part = left.substr(0, comma);
      while (part.starts_with(' ')) part.remove_prefix(1);
      if (!part.empty()) list.items.push_back(Value::of_text(part));
      left.remove_prefix(comma == std::string_view::npos ? left.size() : comma + 1);
    }
    return list;
  }
  if (word == "pick") {
    Value list = Value::of(Kind::list);
    std::vector<const Value*> found;
    collect(value, rest, found);
    for (const auto* each : found) list.items.push_back(*each);
    return list;
  }
  if (word == "list" && value.kind != Kind::list) {
    Value list = Value::of(Kind::list);
    list.items.push_back(value);
    return list;
  }
  if (word == "is") return Value::of(Kind::boolean, value.text == rest ? "true" : "false");
  if (word == "dns") return Value::of_text(domain_name(value.text));
  if (word == "item") {
    Value item = Value::of(Kind::map);
    for (std::string_view left = rest; !left.empty();) {
      const auto comma = left.find(','), equal = left.find('=');
      if (equal == std::string_view::npos) break;
      const auto* member = parameters.find(left.substr(0, comma).substr(equal + 1));
      if (member != nullptr) item.members.push_back({std::string(left.substr(0, equal)), *member});
      left.remove_prefix(comma == std::string_view::npos ? left.size() : comma + 1);
    }
    return item;
  }
  if (word == "rules" || word == "rule") {
    const Value* group = parameters.find("GroupId");
    const auto own = group == nullptr ? std::string_view() : std::string_view(group->text);
    if (word == "rules") return security_group_rules(value, own);
    Value permissions = Value::of(Kind::list);
    permissions.items.push_back(parameters);
    return security_group_rules(permissions, own);
  }
  return value;
}

}  // namespace plumbline::cloud::aws
