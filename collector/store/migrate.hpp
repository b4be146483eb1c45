// From the SQLite file of one collector to the PostgreSQL of many.
#pragma once

#include <cstdint>
#include <string>

#include "collector/store/postgres_target.hpp"

namespace plumbline::collector {

struct Migration {
  std::uint64_t rows = 0;      ///< of the ledger, copied by this run
  std::uint64_t last_seq = 0;  ///< where the ledger ends there now
  std::uint64_t altered = 0;   ///< of them, bodies with bytes that no database of PostgreSQL holds
  bool whole = false;          ///< all is there; else a collector still uses the file
};

/// Copies the ledger of the file at `path`, its positions kept. While a collector uses the file, only that: a further
/// run goes on where the last one ended. Once none does, also nodes, drift, silences, dead letters and the cursors of
/// sinks; until then the store is refused to collectors. Errors: the store has a ledger of its own.
Result<Migration> migrate(const std::string& path, const PostgresTarget& target);

}  // namespace plumbline::collector
