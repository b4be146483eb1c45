// What a person says of a node's certificates that are in wrong hands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace plumbline::collector {

/// Certificates of the node that began before it are refused.
struct Revocation {
  std::string node;         ///< its name, as certificates have it
  std::int64_t before = 0;  ///< Unix seconds
  std::string by;
  std::string reason;
};

/// Past it no more nodes are: each certificate that comes is held against all of them.
inline constexpr std::size_t max_revocations = 10'000;

}  // namespace plumbline::collector
