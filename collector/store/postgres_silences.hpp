// Silence, of alerts and of agents, in PostgreSQL: what is asked before a look that writes. The writing half is
// PostgresWriter's.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "collector/store/postgres.hpp"
#include "collector/store/store.hpp"

namespace plumbline::collector {

Result<Page<AlertSilence>> read_silences(PgConnection& connection, const Query& query);
Result<std::vector<AlertSilence>> read_silences_over(PgConnection& connection, std::uint64_t first, std::uint64_t last);
/// Whether the time of any is over.
Result<bool> read_silences_due(PgConnection& connection, WallNs now);
/// Whether report_silence() would find a node; `me` is the collector that asks.
Result<bool> read_nodes_silent(PgConnection& connection, const std::string& me, std::int64_t heard_before,
                               std::chrono::nanoseconds after);

}  // namespace plumbline::collector
