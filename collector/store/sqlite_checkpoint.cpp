#include "collector/store/sqlite_checkpoint.hpp"

namespace plumbline::collector {
namespace {

// Pages of 4 KiB. Between two checkpoints pages that are written again and again (index ends, nodes) are moved once.
constexpr int pages_between = 1'000;
constexpr int max_pages = 16'000;
constexpr int far_too_many_pages = 4 * max_pages;

}  // namespace

Result<void> SqliteCheckpoints::start(Database& writer) {
  auto opened = Database::open(writer.path(), Database::Mode::read_write);
  if (!opened) return opened.error();
  const auto set = opened->execute("PRAGMA wal_autocheckpoint=0; PRAGMA synchronous=FULL; PRAGMA cache_size=-256;");
  if (!set) return set.error();
  database_ = std::make_unique<Database>(std::move(*opened));
  sqlite3_wal_hook(
      writer.handle(),
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<SqliteCheckpoints*>(self)->wal_pages_ = pages;
        return SQLITE_OK;
      },
      this);
  thread_ = std::thread([this] { run(); });
  return {};
}

void SqliteCheckpoints::after_commit(Database& writer) {
  const int left = wal_pages_ - moved_pages_;
  if (wal_pages_ >= far_too_many_pages || (wal_pages_ >= max_pages && left <= pages_between)) {
    // Fails while a reader is in the old part or the other thread is at work; then a later commit tries again, and
    // until then the WAL grows by what is committed.
    int pages = 0, moved = 0;
    if (sqlite3_wal_checkpoint_v2(writer.handle(), nullptr, SQLITE_CHECKPOINT_RESTART, &pages, &moved) == SQLITE_OK)
      moved_pages_ = 0;
    return;
  }
  if (left < pages_between && left >= 0) return;
  const std::lock_guard lock(mutex_);
  wanted_ = true;
  changed_.notify_one();
}

// A checkpoint that fails (a full disk) loses nothing: the WAL keeps the pages, and the next commit asks again.
void SqliteCheckpoints::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || wanted_; });
    if (stopping_) return;
    wanted_ = false;
    lock.unlock();
    int pages = 0, moved = 0;
    if (sqlite3_wal_checkpoint_v2(database_->handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &pages, &moved) == SQLITE_OK)
      moved_pages_ = moved;
    lock.lock();
  }
}

void SqliteCheckpoints::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace plumbline::collector
