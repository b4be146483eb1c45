// How much memory answers may hold while their clients read them. Private to http/.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

namespace plumbline::http::detail {

/// Counts what waits on each kind of listener. Thread-safe; outlives what it gave out.
class AnswerBudget {
 public:
  /// Before the first hold(). `tcp`: how much of `all` may be held when another answer over TCP comes.
  void limit(std::uint64_t all, std::uint64_t tcp) {
    all_ = all;
    tcp_ = tcp;
  }

  /// Holds `bytes` until the handle is dropped. Empty: there is no room. `must`: counted, but never refused. An answer
  /// with which nothing else of its kind waits always has room, or one large answer could never be had.
  std::shared_ptr<void> hold(bool unix_socket, std::uint64_t bytes, bool must) {
    const std::lock_guard lock(mutex_);
    std::uint64_t& ours = unix_socket ? unix_waiting_ : tcp_waiting_;
    const std::uint64_t room = unix_socket ? all_ : tcp_;
    if (!must && ours > 0 && unix_waiting_ + tcp_waiting_ + bytes > room) return nullptr;
    ours += bytes;
    return {this, [&ours, bytes](AnswerBudget* self) {
              const std::lock_guard again(self->mutex_);
              ours -= bytes;
            }};
  }

  std::uint64_t waiting() const {
    const std::lock_guard lock(mutex_);
    return unix_waiting_ + tcp_waiting_;
  }

 private:
  mutable std::mutex mutex_;
  std::uint64_t all_ = 0;
  std::uint64_t tcp_ = 0;
  std::uint64_t unix_waiting_ = 0;
  std::uint64_t tcp_waiting_ = 0;
};

}  // namespace plumbline::http::detail
