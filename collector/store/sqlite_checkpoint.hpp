#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "collector/store/sqlite.hpp"

namespace plumbline::collector {

/// Moves what commits wrote to the WAL into the database file, on a thread and a connection of its own, so that commits
/// do not wait for it. Under a load that never pauses the WAL is never idle and so never begins anew by itself; past
/// its bound the writer then makes it, with little left to move.
class SqliteCheckpoints {
 public:
  SqliteCheckpoints() = default;
  ~SqliteCheckpoints() { stop(); }
  SqliteCheckpoints(const SqliteCheckpoints&) = delete;
  SqliteCheckpoints& operator=(const SqliteCheckpoints&) = delete;

  /// Takes the WAL hook of `writer`, which must outlive this.
  Result<void> start(Database& writer);
  /// On the writer's thread, outside a transaction.
  void after_commit(Database& writer);
  void stop();

 private:
  void run();

  std::unique_ptr<Database> database_;  // the checkpointing thread's
  int wal_pages_ = 0;                   // the writer's thread's: length of the WAL after the last commit
  std::atomic<int> moved_pages_ = 0;    // of the WAL, as of the last checkpoint
  std::mutex mutex_;
  std::condition_variable changed_;
  bool wanted_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace plumbline::collector
