#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "http/retry.hpp"

namespace plumbline::agent {

/// How long to wait after each failure in a row: http::full_jitter(), for ever.
class Backoff {
 public:
  /// `random` returns a number in [0, 1).
  Backoff(std::chrono::nanoseconds first, std::chrono::nanoseconds cap, std::function<double()> random)
      : first_(first), cap_(cap), random_(std::move(random)) {}

  std::chrono::nanoseconds next() { return http::full_jitter(first_, cap_, failures_++, random_()); }
  void reset() { failures_ = 0; }

 private:
  std::chrono::nanoseconds first_;
  std::chrono::nanoseconds cap_;
  std::function<double()> random_;
  std::uint32_t failures_ = 0;
};

}  // namespace plumbline::agent
