#include <algorithm>

#include "cloud/body/value.hpp"
#include "cloud/http.hpp"

namespace plumbline::cloud {
namespace {

/// The member of this name, which is made where there is none; nullptr where a map has too many.
Value* member_of(Value& map, std::string_view name, std::size_t& values) {
  map.kind = Value::Kind::map;
  // Lists come in order: the last one is mostly the one that is meant.
  for (auto member = map.members.rbegin(); member != map.members.rend(); ++member)
    if (member->name == name) return &member->value;
  if (map.members.size() >= max_members || ++values > max_values) return nullptr;
  return &map.members.emplace_back(Member{std::string(name), {}}).value;
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
      place = ++depth > max_depth ? nullptr : member_of(*place, rest.substr(0, dot), values);
      if (dot == std::string_view::npos) break;
      rest.remove_prefix(dot + 1);
    }
    // "A=1&A.B=2" contradicts itself: the first one counts.
    if (place == nullptr || place->kind == Value::Kind::map || pair.value.size() > max_text * 3) {
      decoded.cut = true;
      continue;
    }
    if (place->kind != Value::Kind::null) continue;
    place->kind = Value::Kind::text;
    place->text = percent_decoded(pair.value, true);
  }
  return decoded;
}

}  // namespace plumbline::cloud
