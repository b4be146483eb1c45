#include "collector/api/query_pool.hpp"

#include <exception>
#include <utility>

namespace plumbline::collector {

QueryPool::QueryPool() {
  for (unsigned i = 0; i < at_once; ++i) threads_.emplace_back([this] { work(); });
}

bool QueryPool::run(std::function<void()> job) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return false;
  if (waiting_.size() >= most_waiting) {
    ++refused_;
    return false;
  }
  waiting_.push_back(std::move(job));
  changed_.notify_one();
  return true;
}

void QueryPool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    auto job = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    try {
      job();
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the server answers for it, and counts it
    }
    job = nullptr;
    lock.lock();
  }
}

void QueryPool::stop() {
  std::deque<std::function<void()>> dropped;  // outside of the lock: a job's end may wake its connection
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(waiting_);
    changed_.notify_all();
  }
  for (auto& thread : threads_)
    if (thread.joinable()) thread.join();
}

QueryPool::Stats QueryPool::stats() const {
  const std::lock_guard lock(mutex_);
  return {waiting_.size(), refused_};
}

}  // namespace plumbline::collector
