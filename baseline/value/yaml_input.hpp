// What the readers of YAML streams share of yaml-cpp.
#pragma once

#include <yaml-cpp/mark.h>

#include <streambuf>
#include <string_view>

#include "include/config/yaml_tree.hpp"

namespace plumbline::baseline {

inline config::Mark mark_of(const YAML::Mark& mark) {
  if (mark.is_null()) return {1, 1};
  return {static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)};
}

/// The given bytes as a stream, without a copy that would have to be cleared.
class ViewBuffer final : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    // streambuf takes no const, and nothing writes to an input.
    char* start = const_cast<char*>(text.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    setg(start, start, start + text.size());
  }
};

}  // namespace plumbline::baseline
