// The parts of which clouds make the names of their things.
#pragma once

#include <initializer_list>
#include <string_view>

namespace plumbline::baseline {

/// The part of `path` that follows the part `name`: of "projects/shop/zones/a", "zones" → "a".
inline std::string_view part_after(std::string_view path, std::string_view name) {
  for (std::size_t at = 0; (at = path.find(name, at)) != std::string_view::npos; at += name.size()) {
    const std::size_t end = at + name.size();
    if ((at != 0 && path[at - 1] != '/') || end >= path.size() || path[end] != '/') continue;
    const auto rest = path.substr(end + 1);
    return rest.substr(0, rest.find('/'));
  }
  return {};
}

inline std::string_view last_part(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

inline constexpr int arn_region = 3;
inline constexpr int arn_account = 4;
inline constexpr int arn_resource = 5;

/// One field of arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE, from 0; "" where `arn` is none. The last one may hold
/// colons.
inline std::string_view arn_part(std::string_view arn, int index) {
  if (!arn.starts_with("arn:")) return {};
  for (int i = 0; i < index; ++i) {
    const auto colon = arn.find(':');
    if (colon == std::string_view::npos) return {};
    arn.remove_prefix(colon + 1);
  }
  return index == arn_resource ? arn : arn.substr(0, arn.find(':'));
}

/// The first that is not empty; "" where all are.
inline std::string_view first_of(std::initializer_list<std::string_view> values) {
  for (const auto value : values)
    if (!value.empty()) return value;
  return {};
}

}  // namespace plumbline::baseline
