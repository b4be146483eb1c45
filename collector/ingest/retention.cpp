#include "collector/ingest/retention.hpp"

#include "collector/telemetry/log.hpp"

namespace plumbline::collector {
namespace {

constexpr std::chrono::seconds between_looks{60};
constexpr std::chrono::milliseconds between_pieces{100};  // so that batches come in between

}  // namespace

void RetentionKeeper::start() {
  if (retention_.count() == 0) return;
  thread_ = std::thread([this] {
    std::string told;
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      lock.unlock();
      const auto expired = store_.expire_ledger(clock_.wall() - retention_.count(), sinks_);
      const std::string held_by = expired ? expired->held_by : told;
      if (!held_by.empty() && held_by != told)
        log(LogLevel::warning, "the ledger keeps what is over its time, since a sink has not passed it yet",
            {{"sink", held_by}});
      told = held_by;
      if (expired && expired->rows > 0)
        log(LogLevel::info, "rows of the ledger are over their time and were removed",
            {{"rows", std::to_string(expired->rows)}});
      const auto pause = expired && expired->more ? between_pieces : std::chrono::milliseconds(between_looks);
      lock.lock();
      changed_.wait_for(lock, pause, [this] { return stopping_; });
    }
  });
}

void RetentionKeeper::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace plumbline::collector
