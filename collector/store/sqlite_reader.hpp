// What the SQLite store reads, on connections of its own beside the writer (WAL: they do not wait for each other).
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "collector/store/sqlite.hpp"
#include "collector/store/store.hpp"

namespace plumbline::collector {

/// Thread-safe: each call borrows a connection. Connections are opened as calls overlap, and at most four are kept.
class SqliteReader {
 public:
  explicit SqliteReader(std::string path) : path_(std::move(path)) {}

  Result<std::vector<LedgerRecord>> ledger_after(std::uint64_t seq, std::size_t limit, std::size_t max_bytes) const;
  Result<Page<LedgerRecord>> findings(const Query& query) const;
  Result<Page<DriftRow>> drifts(const Query& query) const;
  Result<std::optional<DriftRow>> drift(const std::string& id) const;
  Result<Page<DriftRow>> resources(const Query& query) const;
  Result<std::vector<NodeRow>> nodes() const;
  Result<std::optional<std::uint64_t>> sink_cursor(const std::string& sink) const;
  Result<Page<DeadLetter>> dead_letters(const Query& query) const;
  Result<std::uint64_t> count_dead_letters(const std::string& origin) const;
  Result<std::vector<DeadLetter>> replays(const std::string& origin, std::size_t limit) const;
  Result<std::uint64_t> last_seq() const;

 private:
  class Lease;
  Result<Lease> borrow() const;

  std::string path_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Database>> idle_;
};

}  // namespace plumbline::collector
