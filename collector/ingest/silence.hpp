#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "collector/store/store.hpp"
#include "include/util/clock.hpp"

namespace plumbline::collector {

/// Notices agents that went quiet: one "silence" record when nothing was heard of a node for `after`, one more when it
/// is heard again (the store writes that one with the batch). A collector that was away itself (down, stopped, its host
/// suspended) accuses nobody: only what it could have heard since it is back counts.
class SilenceWatch {
 public:
  SilenceWatch(Store& store, const Clock& clock, std::chrono::nanoseconds after)
      : store_(store), clock_(clock), after_(after.count()), began_(clock.boot()), last_look_(began_) {}
  ~SilenceWatch() { stop(); }
  SilenceWatch(const SilenceWatch&) = delete;
  SilenceWatch& operator=(const SilenceWatch&) = delete;

  /// The thread also ends silences of alerts whose time is over, and goes on with Store::settle_drifts().
  void start();
  void stop();

  /// One look, as the thread takes each second. Returns how many nodes were found silent.
  Result<std::size_t> check();

 private:
  Store& store_;
  const Clock& clock_;
  const std::int64_t after_;
  std::int64_t began_;  ///< since when it listens; like the next, of the thread that looks
  std::int64_t last_look_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace plumbline::collector
