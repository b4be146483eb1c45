#pragma once

#include <chrono>
#include <memory>

#include "collector/store/postgres_keys.hpp"
#include "collector/store/postgres_target.hpp"
#include "collector/store/queued_store.hpp"

namespace plumbline::collector {

struct PostgresOptions {
  PostgresTarget target;
  /// A commit costs a flush of the server's log, whatever is in it: its groups are larger than a file's.
  QueueLimits queue = {.max_group_bytes = std::size_t{8} << 20};
  /// How long a read for people may take (store.hpp).
  std::chrono::milliseconds query_limit = std::chrono::seconds(5);
  /// How long rows of the ledger are kept (expire_ledger()); 0 = for ever. Its parts are an eighth of it.
  std::chrono::nanoseconds retention{0};
  KeyFingerprints keys = {};  ///< of what all collectors of this store have in common
};

/// Connects and makes the tables where they are missing. Any number of collectors may open the same. `unavailable`: the
/// server cannot be reached now. `invalid_argument`: others have other keys (agree_on_keys()). Once open, the store
/// finds its way back by itself.
Result<std::unique_ptr<Store>> open_postgres_store(const PostgresOptions& options);

}  // namespace plumbline::collector
