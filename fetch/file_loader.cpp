#include "fetch/file_loader.hpp"
#include "include/util/thread.hpp"

#include <algorithm>

namespace plumbline::fetch {

FileLoader::FileLoader(std::function<void(Delivered)> deliver) : deliver_(std::move(deliver)) {
  thread_ = start_thread("plumb-load", [this] { run(); });
}

FileLoader::~FileLoader() {
  stop();
}

void FileLoader::load(std::shared_ptr<SourceKeeper> keeper, bool any_revision) {
  const std::lock_guard lock(mutex_);
  const auto known =
      std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& waits) { return waits.first == keeper; });
  if (known != waiting_.end())
    known->second = known->second || any_revision;
  else
    waiting_.emplace_back(std::move(keeper), any_revision);
  changed_.notify_all();
}

void FileLoader::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_.request_stop();
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void FileLoader::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_.stop_requested() || !waiting_.empty(); });
    if (stopping_.stop_requested()) return;
    const auto [keeper, any_revision] = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    const auto began = std::chrono::steady_clock::now();
    auto loaded = keeper->load(any_revision, {}, stopping_.get_token());
    const auto move = loaded ? baseline::Move::none : keeper->last_move();
    if (!stopping_.stop_requested())
      deliver_(
          {keeper, loaded ? Delivery(std::optional(std::move(*loaded))) : Delivery(loaded.error()), move, began, ""});
    lock.lock();
  }
}

}  // namespace plumbline::fetch
