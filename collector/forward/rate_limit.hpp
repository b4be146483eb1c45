// A token bucket: so many a second, with one second's worth saved up at most. Pure: time comes from outside.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace plumbline::collector {

class RateLimit {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// `per_second` 0 = no limit.
  explicit RateLimit(std::size_t per_second, Time now = {})
      : rate_(static_cast<double>(per_second)), tokens_(rate_), last_(now) {}

  /// How many of `wanted` may go now; 0 = none, see next().
  std::size_t allowed(std::size_t wanted, Time now) {
    if (rate_ == 0) return wanted;
    refill(now);
    return std::min(wanted, static_cast<std::size_t>(tokens_));
  }
  /// They went, or were tried: a destination that refuses is not asked more often for it.
  void took(std::size_t count) {
    if (rate_ != 0) tokens_ = std::max(0.0, tokens_ - static_cast<double>(count));
  }
  /// When one may go.
  Time next(Time now) {
    if (rate_ == 0) return now;
    refill(now);
    if (tokens_ >= 1) return now;
    return now + std::chrono::duration_cast<Time::duration>(std::chrono::duration<double>((1 - tokens_) / rate_)) +
           std::chrono::microseconds(1);
  }

 private:
  void refill(Time now) {
    const double passed = std::chrono::duration<double>(now - last_).count();
    if (passed > 0) tokens_ = std::min(rate_, tokens_ + passed * rate_);
    last_ = now;
  }

  double rate_;
  double tokens_;
  Time last_;
};

}  // namespace plumbline::collector
