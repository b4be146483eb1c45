// Connections beside the writer's, for whoever asks.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "collector/store/postgres.hpp"

namespace plumbline::collector {

/// Thread-safe: each call borrows a connection. Connections are opened as calls overlap, and at most four of each kind
/// are kept.
class PgPool {
 public:
  /// `query_limit`: how long a read for people may take; it ends as `unavailable` then.
  PgPool(PostgresTarget target, std::chrono::milliseconds query_limit)
      : target_(std::move(target)), query_limit_(query_limit) {}

  /// Runs `use` on a connection for sinks and streams, which walk the ledger by its key, a bounded piece at a time:
  /// their limit is one that only a stuck server reaches. One that was lost while it was idle is replaced: what `use`
  /// does must bear to be done twice.
  template <class Use>
  auto run(Use use) const -> decltype(use(std::declval<PgConnection&>())) {
    return on(for_sinks, use);
  }
  /// Runs `use` on a connection that only reads, for people.
  template <class Use>
  auto query(Use use) const -> decltype(use(std::declval<PgConnection&>())) {
    return on(for_people, use);
  }

  std::uint64_t cut() const { return cut_; }  ///< reads that took too long

 private:
  enum Kind { for_sinks, for_people };
  using Owner = std::unique_ptr<PgConnection>;

  template <class Use>
  auto on(Kind kind, Use& use) const -> decltype(use(std::declval<PgConnection&>())) {
    for (bool again = false;; again = true) {
      auto connection = borrow(kind, again);
      if (!connection) return connection.error();
      auto outcome = use(**connection);
      const bool lost = (*connection)->is_broken();
      if (!outcome) count_cut(outcome.error());
      if (!lost) give_back(kind, std::move(*connection));
      if (!lost || again) return outcome;
    }
  }
  Result<Owner> borrow(Kind kind, bool anew) const;
  void give_back(Kind kind, Owner connection) const;
  void count_cut(const Error& error) const;

  const PostgresTarget target_;
  const std::chrono::milliseconds query_limit_;
  mutable std::atomic<std::uint64_t> cut_ = 0;
  mutable std::mutex mutex_;
  mutable std::array<std::vector<Owner>, 2> idle_;
};

}  // namespace plumbline::collector
