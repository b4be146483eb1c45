// When to try again, and when to stop trying for a while. Pure: time and randomness come from outside.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "collector/forward/sink.hpp"

namespace plumbline::collector {

struct RetryOptions {
  std::chrono::nanoseconds first = std::chrono::milliseconds(500);   ///< bound of the first wait
  std::chrono::nanoseconds cap = std::chrono::seconds(60);           ///< bound of every later one
  std::chrono::nanoseconds pause_probe = std::chrono::minutes(5);    ///< between two probes of a paused sink
  std::chrono::nanoseconds max_retry_after = std::chrono::hours(1);  ///< a destination that asks for more gets this
  std::uint32_t breaker_after = 5;                                   ///< failures in a row that open the breaker
};

/// Exponential backoff with full jitter (http/retry.hpp), forever: there is no last try.
class RetryPolicy {
 public:
  enum class Breaker { closed, open, half_open };

  /// `random` returns a number in [0, 1).
  RetryPolicy(const RetryOptions& options, std::function<double()> random)
      : options_(options), random_(std::move(random)) {}

  void succeeded() { failures_ = 0; }
  /// How long to wait before the next try: the jitter, or what the destination asked for if that is longer.
  std::chrono::nanoseconds failed(std::optional<std::chrono::nanoseconds> retry_after);
  std::chrono::nanoseconds paused();

  std::uint32_t failures() const { return failures_; }
  /// `trying`: a delivery is under way. An open breaker lets exactly that one through (half_open).
  Breaker breaker(bool trying) const;

 private:
  RetryOptions options_;
  std::function<double()> random_;
  std::uint32_t failures_ = 0;
};

std::string_view text_of(RetryPolicy::Breaker breaker);

/// What an HTTP status means for the records that were sent (siem-neutral: RFC 9110, CloudEvents webhooks).
Delivery::Outcome outcome_of_status(int status);

}  // namespace plumbline::collector
