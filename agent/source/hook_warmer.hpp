// Keeps the kernel ready to hook while something starts.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace plumbline::agent {

/// The first hook after a pause waits for a grace period of RCU, 8 to 16 ms, in which a program that just began has
/// made its first call; hooks within some 30 ms after one take 0.1 ms (Capture::warm()). So where something is about to
/// start, hooks that mean nothing are made meanwhile, one after the other. Some threads do that, as each such hook
/// takes some 60 ms to end; they sleep where nothing starts.
class HookWarmer {
 public:
  /// `warm` is called by several threads.
  explicit HookWarmer(std::function<void()> warm) : warm_(std::move(warm)) {}
  ~HookWarmer() { stop(); }
  HookWarmer(const HookWarmer&) = delete;
  HookWarmer& operator=(const HookWarmer&) = delete;

  void start();
  /// Something that nobody looked at may start within `span`. Any thread; never waits.
  void begin();
  /// Waits for those under way. Repeatable.
  void stop();

  static constexpr std::chrono::milliseconds span{300};     ///< from a container's cgroup to its program
  static constexpr std::chrono::milliseconds interval{20};  ///< between two

 private:
  void run();

  const std::function<void()> warm_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::chrono::steady_clock::time_point next_, until_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace plumbline::agent
