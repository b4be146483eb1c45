// Silences of alerts in SQLite: what the reader asks on a connection of its own. The writing half is SqliteWriter's.
#pragma once

#include <vector>

#include "collector/store/sqlite.hpp"
#include "collector/store/store.hpp"

namespace plumbline::collector {

Result<Page<AlertSilence>> read_silences(Database& database, const Query& query);
Result<std::vector<AlertSilence>> read_silences_over(Database& database, std::uint64_t first, std::uint64_t last);
/// Whether the time of any is over.
Result<bool> read_silences_due(Database& database, WallNs now);

}  // namespace plumbline::collector
