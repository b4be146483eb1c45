#include <algorithm>

#include "cloud/body/value.hpp"
#include "cloud/http.hpp"

namespace plumbline::cloud {
namespace {

/// The member of this name that is a map, or none, as `is_map` says; made where there is none. nullptr where a map has
/// too many.
Value* member_of(Value& map, std::string_view name, bool is_map, std::size_t& values) {
  // Lists come in order: the last one is mostly the one that is meant.
  for (auto member = map.members.rbegin(); member != map.members.rend(); ++member)
    if (member->name == name && (member->value.kind == Value::Kind::map) == is_map) return &member->value;
  if (map.members.size() >= max_members || ++values > max_values) return nullptr;
  const auto kind = is_map ? Value::Kind::map : Value::Kind::null;
  return &map.members.emplace_back(Member{std::string(name), Value::of(kind)}).value;
}

}  // namespace

Decoded decode_form(std::string_view body, bool body_cut) {
  Decoded decoded{Value::of(Value::Kind::map), body_cut};
  // What is behind the last & may be half a pair.
  if (body_cut) body = body.substr(0, body.rfind('&') == std::string_view::npos ? 0 : body.rfind('&'));
  std::size_t values = 0;
  QueryWalk walk(body);
  for (QueryPair pair; walk.next(pair);) {
    const std::string key = percent_decoded(pair.key, true);
    Value* place = &decoded.value;
    std::size_t depth = 0;
    for (std::string_view rest = key; place != nullptr;) {
      const auto dot = rest.find('.');
      const bool is_map = dot != std::string_view::npos;
      place = ++depth > max_depth ? nullptr : member_of(*place, rest.substr(0, dot), is_map, values);
      if (!is_map) break;
      rest.remove_prefix(dot + 1);
    }
    if (place == nullptr || pair.value.size() > max_text * 3) {
      decoded.cut = true;
      continue;
    }
    Value text = Value::of_text(percent_decoded(pair.value, true));
    if (place->kind == Value::Kind::null)
      *place = std::move(text);
    else if (!add_again(*place, std::move(text)))
      decoded.cut = true;
  }
  if (!each_name_once(decoded.value)) decoded.cut = true;  // "A=1&A.B=2"
  return decoded;
}

}  // namespace plumbline::cloud
