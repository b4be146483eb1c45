#include "collector/ingest/silence.hpp"

#include "collector/telemetry/log.hpp"

namespace plumbline::collector {

Result<std::size_t> SilenceWatch::check() {
  const std::int64_t now = clock_.boot();  // a step of the wall clock is no silence
  if (now - began_ < after_) return std::size_t{0};
  return store_.report_silence(now - after_, clock_.wall());
}

void SilenceWatch::start() {
  thread_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, std::chrono::seconds(1), [this] { return stopping_; })) {
      lock.unlock();
      const auto found = check();
      if (found && *found > 0) log(LogLevel::warning, "agents went silent", {{"nodes", std::to_string(*found)}});
      lock.lock();
    }
  });
}

void SilenceWatch::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace plumbline::collector
