// When to ask again.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "include/util/clock.hpp"

namespace plumbline::http {

/// The value of a Retry-After field (RFC 9110 section 10.2.3): seconds, or an HTTP date in any of its three forms
/// (section 5.6.7). A date that is gone by is 0; nullopt where it is neither.
std::optional<std::chrono::nanoseconds> parse_retry_after(std::string_view value, WallNs now);

/// Exponential backoff with full jitter: uniform between zero and a bound that begins with `first` and doubles with
/// each of `failures` in a row, up to `cap`. So a thousand clients whose server comes back do not all knock in the same
/// moment. `random` is in [0, 1).
inline std::chrono::nanoseconds full_jitter(std::chrono::nanoseconds first, std::chrono::nanoseconds cap,
                                            std::uint32_t failures, double random) {
  auto bound = std::min(first, cap);
  for (std::uint32_t i = 0; i < std::min(failures, 62u) && bound < cap; ++i) bound = std::min(bound * 2, cap);
  return std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>(bound.count()) * random));
}

}  // namespace plumbline::http
