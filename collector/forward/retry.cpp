#include "collector/forward/retry.hpp"

#include <algorithm>

#include "http/retry.hpp"

namespace plumbline::collector {

std::chrono::nanoseconds RetryPolicy::failed(std::optional<std::chrono::nanoseconds> retry_after) {
  const auto wait = http::full_jitter(options_.first, options_.cap, failures_, random_());
  failures_ = std::min(failures_ + 1, std::uint32_t{1'000'000});
  return std::max(wait, std::min(retry_after.value_or(std::chrono::nanoseconds(0)), options_.max_retry_after));
}

std::chrono::nanoseconds RetryPolicy::paused() {
  failures_ = std::max(failures_ + 1, options_.breaker_after);
  return options_.pause_probe;
}

RetryPolicy::Breaker RetryPolicy::breaker(bool trying) const {
  if (failures_ < options_.breaker_after) return Breaker::closed;
  return trying ? Breaker::half_open : Breaker::open;
}

std::string_view text_of(RetryPolicy::Breaker breaker) {
  switch (breaker) {
    case RetryPolicy::Breaker::closed:
      return "closed";
    case RetryPolicy::Breaker::open:
      return "open";
    case RetryPolicy::Breaker::half_open:
      break;
  }
  return "half_open";
}

Delivery::Outcome outcome_of_status(int status) {
  if (status >= 200 && status < 300) return Delivery::Outcome::delivered;
  if (status == 408 || status == 429 || status >= 500) return Delivery::Outcome::retry;
  // A redirect is not followed: it would carry signed findings to a place that nobody configured.
  if (status == 401 || status == 403 || (status >= 300 && status < 400)) return Delivery::Outcome::paused;
  // Nothing is there, or not for this method or type of content: the address is wrong, or the hook was removed. No
  // other record would fare better, so none is given up for it.
  if (status == 404 || status == 405 || status == 410 || status == 415) return Delivery::Outcome::paused;
  if (status >= 400) return Delivery::Outcome::refused;
  return Delivery::Outcome::retry;  // 1xx as a final answer: not HTTP as we know it
}

}  // namespace plumbline::collector
