// What is over its time leaves the SQLite file, a piece at a time. The file does not shrink: new rows take the place.
#include "collector/store/sqlite_writer.hpp"

namespace plumbline::collector {
namespace {

constexpr std::int64_t piece = 500;

// Open drift is shown by its row's body, and a dead letter of a sink is sent again from it.
constexpr const char* find_rows =
    "SELECT l.seq FROM ledger l WHERE l.received_at < ?1 AND l.seq <= ?2"
    " AND NOT EXISTS (SELECT 1 FROM drifts d WHERE d.seq = l.seq AND d.state NOT IN ('resolved', 'accepted'))"
    " AND NOT EXISTS (SELECT 1 FROM dead_letters x WHERE x.seq = l.seq) ORDER BY l.seq LIMIT ?3";

}  // namespace

Result<Expired> SqliteWriter::expire_ledger(WallNs before, const std::vector<std::string>& sinks) {
  Expired expired;
  std::int64_t passed = INT64_MAX;
  for (const std::string& sink : sinks) {
    auto cursor = database_.prepare("SELECT cursor FROM sinks WHERE name = ?1");
    if (!cursor) return cursor.error();
    const auto row = cursor->bind(1, sink).step();
    if (!row) return row.error();
    const std::int64_t at = *row ? cursor->number(0) : 0;
    if (at < passed) {
      passed = at;
      expired.held_by = sink;
    }
  }
  auto find = database_.prepare(find_rows);
  if (!find) return find.error();
  std::vector<std::int64_t> rows;
  find->bind(1, before).bind(2, passed).bind(3, piece);
  for (;;) {
    const auto row = find->step();
    if (!row) return row.error();
    if (!*row) break;
    rows.push_back(find->number(0));
  }
  for (const char* table : {"drifts", "bodies", "ledger"}) {
    auto remove = database_.prepare(std::string("DELETE FROM ") + table + " WHERE seq = ?1");
    if (!remove) return remove.error();
    for (const auto seq : rows)
      if (const auto removed = remove->bind(1, seq).run(); !removed) return removed.error();
  }
  expired.rows = rows.size();
  expired.more = rows.size() == static_cast<std::size_t>(piece);
  if (expired.more || expired.held_by.empty()) {
    expired.held_by.clear();
    return expired;
  }
  auto waits = database_.prepare("SELECT 1 FROM ledger WHERE seq > ?1 AND received_at < ?2 LIMIT 1");
  if (!waits) return waits.error();
  const auto held = waits->bind(1, passed).bind(2, before).step();
  if (!held) return held.error();
  if (!*held) expired.held_by.clear();
  return expired;
}

}  // namespace plumbline::collector
