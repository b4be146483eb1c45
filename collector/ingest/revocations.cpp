#include "collector/ingest/revocations.hpp"

namespace plumbline::collector {

Result<void> apply_revocations(const Store& store, access::Gate& gate) {
  const auto all = store.revocations();
  if (!all) return all.error();
  std::map<std::string, std::int64_t> refused;
  for (const auto& one : *all) refused.emplace(one.node, one.before);
  gate.refuse_older(std::move(refused));
  return {};
}

void RevocationWatch::start() {
  thread_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, std::chrono::seconds(1), [this] { return stopping_; })) {
      lock.unlock();
      (void)apply_revocations(store_, gate_);  // batches tell of a store that is gone
      lock.lock();
    }
  });
}

void RevocationWatch::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace plumbline::collector
