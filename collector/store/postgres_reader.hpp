// What the PostgreSQL store reads.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "collector/store/postgres_pool.hpp"
#include "collector/store/store.hpp"

namespace plumbline::collector {

/// Thread-safe.
class PostgresReader {
 public:
  /// `pool` outlives it.
  explicit PostgresReader(const PgPool& pool) : pool_(pool) {}

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

 private:
  const PgPool& pool_;
};

}  // namespace plumbline::collector
