#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "collector/store/store.hpp"
#include "include/util/clock.hpp"

namespace plumbline::collector {

/// Removes what is older than `retention` from the ledger, a piece at a time. What a sink of these has not passed yet
/// stays, and says so.
class RetentionKeeper {
 public:
  /// `retention` 0: nothing is ever removed.
  RetentionKeeper(Store& store, const Clock& clock, std::chrono::milliseconds retention, std::vector<std::string> sinks)
      : store_(store), clock_(clock), retention_(retention), sinks_(std::move(sinks)) {}
  ~RetentionKeeper() { stop(); }
  RetentionKeeper(const RetentionKeeper&) = delete;
  RetentionKeeper& operator=(const RetentionKeeper&) = delete;

  void start();
  void stop();

 private:
  Store& store_;
  const Clock& clock_;
  const std::chrono::nanoseconds retention_;
  const std::vector<std::string> sinks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace plumbline::collector
