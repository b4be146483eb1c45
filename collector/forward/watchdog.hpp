#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace plumbline::collector {

/// Calls back when something took too long. One thread for any number of deadlines; callbacks run on it and must
/// return at once (shut a socket down, set a flag).
class Watchdog {
 public:
  using Time = std::chrono::steady_clock::time_point;

  Watchdog();
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// A deadline that is armed while this lives. After its destruction the callback does not run any more.
  class Guard {
   public:
    Guard(Watchdog& owner, Time deadline, std::function<void()> bite);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    Watchdog& owner_;
    std::pair<Time, std::uint64_t> key_;
  };

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::pair<Time, std::uint64_t>, std::function<void()>> deadlines_;
  std::uint64_t next_ = 0;
  Time wakes_at_ = Time::max();  ///< when the thread looks next
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace plumbline::collector
