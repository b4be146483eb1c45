// Keeps the kernel ready to hook while something starts.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace plumbline::agent {

/// The first hook after a pause waits for a grace period of RCU, 8 to 16 ms, in which a program that just began has
/// made its first call; hooks within some 30 ms after one take 0.1 ms (Capture::warm()). So where something is about to
/// start, hooks that mean nothing are made meanwhile, one after the other. Some threads do that, as each such hook
/// takes some 60 ms to end; they sleep where nothing starts. Forks wait while one begins, everybody's: so who starts
/// things without end gets no more than `burst` of it at once, and a tenth of the time from then on.
class HookWarmer {
 public:
  /// `warm` is called by several threads.
  explicit HookWarmer(std::function<void()> warm, std::chrono::milliseconds burst = std::chrono::seconds(3))
      : warm_(std::move(warm)), burst_(burst), left_(burst) {}
  ~HookWarmer() { stop(); }
  HookWarmer(const HookWarmer&) = delete;
  HookWarmer& operator=(const HookWarmer&) = delete;

  void start();
  /// Something that nobody looked at may start within `span`. Any thread; never waits.
  void begin();
  /// Hooks that were not made, as too many were.
  std::uint64_t spared() const { return spared_; }
  /// Waits for those under way. Repeatable.
  void stop();

  static constexpr std::chrono::milliseconds span{300};     ///< from a container's cgroup to its program
  static constexpr std::chrono::milliseconds interval{20};  ///< between two

 private:
  using Moment = std::chrono::steady_clock::time_point;
  void run();
  bool may_take(Moment now);

  const std::function<void()> warm_;
  const std::chrono::nanoseconds burst_;
  std::atomic<std::uint64_t> spared_{0};
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::chrono::nanoseconds left_;  // that may be warmed, as of `counted_`
  Moment counted_ = std::chrono::steady_clock::now();
  Moment next_, until_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace plumbline::agent
