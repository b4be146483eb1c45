#include "agent/source/hook_warmer.hpp"

#include <algorithm>

#include "include/util/thread.hpp"

namespace plumbline::agent {
namespace {

constexpr int threads = 4;  // 60 ms of each, and 20 ms between two

}  // namespace

void HookWarmer::start() {
  for (int i = 0; i < threads; ++i) threads_.push_back(start_thread("plumb-warm", [this] { run(); }));
}

void HookWarmer::begin() {
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  if (next_ < now) next_ = now;
  until_ = now + span;
  changed_.notify_all();
}

void HookWarmer::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (next_ >= until_) {
      changed_.wait(lock);
      continue;
    }
    const auto mine = next_;
    next_ += interval;
    if (changed_.wait_until(lock, mine, [this] { return stopping_; })) return;
    if (!may_take(mine)) {
      spared_.fetch_add(1, std::memory_order_relaxed);
      continue;
    }
    lock.unlock();
    warm_();
    lock.lock();
  }
}

bool HookWarmer::may_take(Moment now) {
  constexpr int share = 10;  // one part of the time in so many
  if (now > counted_) {
    left_ = std::min(burst_, left_ + (now - counted_) / share);
    counted_ = now;
  }
  if (left_ < interval) return false;
  left_ -= interval;
  return true;
}

void HookWarmer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace plumbline::agent
