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
  const auto at = owner_.deadlines_.emplace(key_, std::move(bite)).first;
  if (at == owner_.deadlines_.begin()) owner_.changed_.notify_one();
}

Watchdog::Guard::~Guard() {
  const std::lock_guard lock(owner_.mutex_);
  owner_.deadlines_.erase(key_);
}

// Callbacks run under the lock: that is what lets a guard's destructor promise that none runs after it.
void Watchdog::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (deadlines_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto first = deadlines_.begin();
    if (std::chrono::steady_clock::now() < first->first.first) {
      const Time until = first->first.first;
      changed_.wait_until(lock, until);
      continue;
    }
    const auto bite = std::move(first->second);
    deadlines_.erase(first);
    bite();
  }
}

}  // namespace plumbline::collector
