#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "include/util/clock.hpp"

namespace plumbline::agent {

/// Exponential backoff with full jitter: a wait is uniform between zero and a bound that doubles up to `cap`, for ever.
/// So a thousand agents whose collector comes back do not all knock in the same moment.
class Backoff {
 public:
  /// `random` returns a number in [0, 1).
  Backoff(std::chrono::nanoseconds first, std::chrono::nanoseconds cap, std::function<double()> random)
      : first_(first), cap_(cap), random_(std::move(random)) {}

  std::chrono::nanoseconds next();
  void reset() { failures_ = 0; }
  std::uint32_t failures() const { return failures_; }

 private:
  std::chrono::nanoseconds first_;
  std::chrono::nanoseconds cap_;
  std::function<double()> random_;
  std::uint32_t failures_ = 0;
};

/// The value of a Retry-After field (RFC 9110 section 10.2.3): seconds, or an HTTP date. nullopt where it is neither.
std::optional<std::chrono::nanoseconds> parse_retry_after(std::string_view value, WallNs now);

}  // namespace plumbline::agent
