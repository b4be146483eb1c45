#include "collector/forward/watchdog.hpp"

namespace plumbline::collector {

Watchdog::Watchdog() : thread_([this] { run(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

Watchdog::Guard::Guard(Watchdog& owner, Time deadline, std::function<void()> bite) : owner_(owner) {
  const std::lock_guard lock(owner_.mutex_);
  key_ = {deadline, owner_.next_++};
  owner_.deadlines_.emplace(key_, std::move(bite));
  if (deadline < owner_.wakes_at_) owner_.changed_.notify_one();
}

Watchdog::Guard::~Guard() {
  const std::lock_guard lock(owner_.mutex_);
  owner_.deadlines_.erase(key_);
}

// Callbacks run under the lock: that is what lets a guard's destructor promise that none runs after it.
void Watchdog::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto first = deadlines_.begin();
    if (first != deadlines_.end() && first->first.first <= std::chrono::steady_clock::now()) {
      const auto bite = std::move(first->second);
      deadlines_.erase(first);
      bite();
      continue;
    }
    // What goes well comes and goes by the thousand: nobody is woken for a deadline behind the one that is waited for,
    // also where that one is gone meanwhile.
    wakes_at_ = first == deadlines_.end() ? Time::max() : first->first.first;
    if (wakes_at_ == Time::max())
      changed_.wait(lock);
    else
      changed_.wait_until(lock, Time(wakes_at_));
  }
}

}  // namespace plumbline::collector
