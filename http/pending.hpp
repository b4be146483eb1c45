// How other threads reach a connection: they may outlive it, so they hold these, never the connection. Private to
// http/.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "http/message.hpp"

namespace plumbline::http::detail {

/// Wakes a connection from any thread until it is disarmed. Calls between two reads of pending() become one.
class Signal {
 public:
  explicit Signal(std::function<void()> wake) : wake_(std::move(wake)) {}
  void raise() {
    if (raised_.exchange(true)) return;
    const std::lock_guard lock(mutex_);
    if (wake_) wake_();
  }
  /// Whether raise() was called since the last look.
  bool lower() { return raised_.exchange(false); }
  /// After it returned, `wake` is neither running nor will it be called.
  void disarm() {
    const std::lock_guard lock(mutex_);
    wake_ = nullptr;
  }

 private:
  std::atomic<bool> raised_{false};
  std::mutex mutex_;
  std::function<void()> wake_;
};

/// The place for one answer.
struct Pending {
  explicit Pending(std::shared_ptr<Signal> s) : signal(std::move(s)) {}
  ~Pending() { signal->raise(); }
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;

  struct Slot {
    std::mutex mutex;
    bool taken = false;
    std::optional<Response> response;
  };
  std::shared_ptr<Signal> signal;
  std::shared_ptr<Slot> slot = std::make_shared<Slot>();  ///< shared with the connection, which drops Pending itself
};

}  // namespace plumbline::http::detail
