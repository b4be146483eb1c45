// A bound on a whole exchange of cpp-httplib.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "include/util/fd.hpp"

namespace plumbline::http {

/// httplib bounds each read and each write, not the whole, and its stop() waits for a connect that is under way. So the
/// socket is shut down from outside, through a second descriptor of it that was taken before it connected.
class SocketCutter {
 public:
  SocketCutter() : thread_([this] { run(); }) {}
  ~SocketCutter() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  SocketCutter(const SocketCutter&) = delete;
  SocketCutter& operator=(const SocketCutter&) = delete;

  void opened(int socket) {
    const std::lock_guard lock(mutex_);
    socket_ = Fd(::dup(socket));
    if (cancelled_ || overdue_) ::shutdown(socket, SHUT_RDWR);
  }
  void begin(std::chrono::nanoseconds timeout) {
    const std::lock_guard lock(mutex_);
    overdue_ = false;
    deadline_ = std::chrono::steady_clock::now() + timeout;
    changed_.notify_all();
  }
  bool end() {  ///< true: the exchange was cut because its time was over
    const std::lock_guard lock(mutex_);
    deadline_.reset();
    return overdue_;
  }
  void cancel() {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    cut();
  }
  bool cancelled() {
    const std::lock_guard lock(mutex_);
    return cancelled_;
  }

 private:
  void cut() {
    if (socket_) ::shutdown(socket_.get(), SHUT_RDWR);
  }
  void run() {
    std::unique_lock lock(mutex_);
    while (!ending_) {
      if (!deadline_) {
        changed_.wait(lock);
      } else if (changed_.wait_until(lock, *deadline_) == std::cv_status::timeout && deadline_ &&
                 std::chrono::steady_clock::now() >= *deadline_) {
        overdue_ = true;
        deadline_.reset();
        cut();
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  Fd socket_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
  bool overdue_ = false;
  bool cancelled_ = false;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace plumbline::http
