// Threads for people's questions: what agents send is taken by others (the server's), so that no question, however
// slow, holds it up.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace plumbline::collector {

/// Thread-safe. Runs jobs in the order in which they came, a few at once.
class QueryPool {
 public:
  static constexpr unsigned at_once = 4;
  static constexpr std::size_t most_waiting = 32;

  QueryPool();
  ~QueryPool() { stop(); }
  QueryPool(const QueryPool&) = delete;
  QueryPool& operator=(const QueryPool&) = delete;

  /// False: `most_waiting` jobs wait already (counted), or stop() was called. A job that throws is dropped.
  bool run(std::function<void()> job);
  /// Drops what waits and returns when what runs has ended.
  void stop();

  struct Stats {
    std::size_t waiting = 0;
    std::uint64_t refused = 0;
  };
  Stats stats() const;

 private:
  void work();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  std::uint64_t refused_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace plumbline::collector
