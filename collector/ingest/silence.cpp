#include "collector/ingest/silence.hpp"

#include "collector/telemetry/log.hpp"

namespace plumbline::collector {
namespace {

constexpr std::int64_t second = 1'000'000'000;
// Looks are a second apart. The boot clock goes on while the host is suspended and while the process is stopped, so a
// longer pause between two is one in which nobody was heard.
constexpr std::int64_t longest_pause = 5 * second;

}  // namespace

Result<std::size_t> SilenceWatch::check() {
  const std::int64_t now = clock_.boot();  // a step of the wall clock is no silence
  if (now - last_look_ > longest_pause) {
    began_ = now;
    log(LogLevel::info, "the collector was away and listens anew before it calls an agent silent",
        {{"seconds", std::to_string((now - last_look_) / second)}});
  }
  last_look_ = now;
  if (now - began_ < after_) return std::size_t{0};
  auto found = store_.report_silence(now - after_, std::chrono::nanoseconds(after_), clock_.wall());
  if (!found) began_ = now;  // a store that cannot be reached heard nobody
  return found;
}

void SilenceWatch::start() {
  thread_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, std::chrono::seconds(1), [this] { return stopping_; })) {
      lock.unlock();
      const auto found = check();
      if (found && *found > 0) log(LogLevel::warning, "agents went silent", {{"nodes", std::to_string(*found)}});
      // The other thing that nobody sends: that the time of a silence of alerts is over. A store that fails says so.
      const auto ended = store_.expire_silences(clock_.wall());
      if (ended && *ended > 0)
        log(LogLevel::info, "silences of alerts are over", {{"silences", std::to_string(*ended)}});
      // And what a collector that ended in between left of a node's drift.
      (void)store_.settle_drifts();
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
