// What a fetcher or loader delivers, for a test that waits for it.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

#include "fetch/fetcher.hpp"

namespace plumbline::fetch::test {

/// Outlives whoever delivers to it.
class Deliveries {
 public:
  std::function<void(Delivered)> taker() {
    return [this](Delivered delivered) {
      std::unique_lock lock(mutex_);
      delivered_.push_back(std::move(delivered));
      changed_.notify_all();
      changed_.wait(lock, [&] { return !held_; });
    };
  }
  /// The next one; waits for it.
  Delivered next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !delivered_.empty(); });
    Delivered first = std::move(delivered_.front());
    delivered_.pop_front();
    return first;
  }
  /// Whoever delivers does not come back from it until he is not held any more.
  void hold(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  bool empty() {
    const std::lock_guard lock(mutex_);
    return delivered_.empty();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Delivered> delivered_;
  bool held_ = false;
};

}  // namespace plumbline::fetch::test
