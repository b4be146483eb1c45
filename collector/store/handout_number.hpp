// How what collectors hand out is numbered.
#pragma once

#include <cstdint>

#include "collector/store/rows.hpp"

namespace plumbline::collector {

/// The number of what was handed out last, by whichever collector of the store.
struct HandoutNumber {
  std::uint64_t sequence = 0;  ///< 0 = nothing was yet
  Digest content{};            ///< SHA-256 of it
};

}  // namespace plumbline::collector
