// What the SQLite store reads, on connections of its own beside the writer (WAL: they do not wait for each other).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "collector/store/sqlite.hpp"
#include "collector/store/store.hpp"

namespace plumbline::collector {

/// Thread-safe: each call borrows a connection. Connections are opened as calls overlap, and at most four are kept.
class SqliteReader {
 public:
  /// `query_limit`: how long a read for people may take; it ends as `unavailable` then. Those of sinks and streams walk
  /// the ledger by its key, a bounded piece at a time, and are never cut.
  SqliteReader(std::string path, std::chrono::nanoseconds query_limit)
      : path_(std::move(path)), query_limit_(query_limit) {}

  Result<std::vector<LedgerRecord>> ledger_after(std::uint64_t seq, std::size_t limit, std::size_t max_bytes) const;
  Result<Page<LedgerRecord>> findings(const Query& query) const;
  Result<Page<DriftRow>> drifts(const Query& query) const;
  Result<Page<DriftRow>> resources(const Query& query) const;
  Result<std::vector<NodeRow>> nodes() const;
  Result<std::optional<std::string>> node_name(const std::string& node_id) const;
  Result<void> each_open_drift(const std::string& resource, const std::string& baseline,
                               const std::function<void(const OpenDrift&)>& visit) const;
  Result<std::vector<DriftRow>> open_drifts_between(std::uint64_t after, std::uint64_t before, std::size_t limit) const;
  Result<std::optional<std::uint64_t>> sink_cursor(const std::string& sink) const;
  Result<Page<DeadLetter>> dead_letters(const Query& query) const;
  Result<std::uint64_t> count_dead_letters(const std::string& origin) const;
  Result<std::vector<DeadLetter>> replays(const std::string& origin, std::size_t limit) const;
  Result<std::uint64_t> last_seq() const;

  /// Runs `read` on a connection: what is not about the ledger stands in files of its own.
  template <class Read>
  auto run(Read read) const -> decltype(read(std::declval<Database&>())) {
    auto lease = borrow();
    if (!lease) return lease.error();
    return read(**lease);
  }
  /// The same for people.
  template <class Read>
  auto query(Read read) const -> decltype(read(std::declval<Database&>())) {
    auto lease = borrow_for_a_query();
    if (!lease) return lease.error();
    return read(**lease);
  }

  std::uint64_t cut() const { return cut_; }  ///< reads that took too long

 private:
  struct Connection {
    Database database;
    std::chrono::steady_clock::time_point ends;  ///< of the read under way
    std::atomic<std::uint64_t>& cut;
  };
  /// A borrowed connection; goes back on destruction.
  class Lease {
   public:
    Lease(const SqliteReader& owner, std::unique_ptr<Connection> connection)
        : owner_(&owner), connection_(std::move(connection)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    Database& operator*() { return connection_->database; }
    Database* operator->() { return &connection_->database; }

   private:
    const SqliteReader* owner_;
    std::unique_ptr<Connection> connection_;
  };
  Result<Lease> borrow(std::chrono::steady_clock::time_point ends = std::chrono::steady_clock::time_point::max()) const;
  Result<Lease> borrow_for_a_query() const;

  std::string path_;
  std::chrono::nanoseconds query_limit_;
  mutable std::atomic<std::uint64_t> cut_ = 0;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Connection>> idle_;
};

}  // namespace plumbline::collector
