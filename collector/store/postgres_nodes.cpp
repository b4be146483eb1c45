// What people say of nodes, in PostgreSQL.
#include "collector/store/postgres_writer.hpp"

namespace plumbline::collector {

Result<std::optional<std::string>> PostgresWriter::find_node_name(const std::string& node_id) {
  if (auto locked = lock_ledger(); !locked) return locked.error();  // so that it is forgotten once
  const auto rows = run("SELECT node FROM nodes WHERE node_id = $1 AND forgotten_at = 0", PgParams().add(node_id));
  if (!rows) return rows.error();
  return rows->empty() ? std::nullopt : std::optional(rows->text(0, 0));
}

Result<void> PostgresWriter::save_standing(const Node& node, WallNs first_seen) {
  const auto saved =
      run("UPDATE nodes SET epoch = $2, sequence_gaps = $3, missing = $4, silent_since = $5, gap_since = $6,"
          " conflict_since = $7, forgotten_at = $8, first_seen = CASE $9 WHEN 0 THEN first_seen ELSE $9 END"
          " WHERE ref = $1",
          PgParams()
              .add(node.ref)
              .add(node.epoch)
              .add(node.sequence_gaps)
              .add(node.missing)
              .add(node.silent_since)
              .add(node.gap_since)
              .add(node.conflict_since)
              .add(node.forgotten_at)
              .add(first_seen));
  if (!saved) return saved.error();
  return {};
}

Result<std::vector<DriftRow>> PostgresWriter::find_drifts(const Node& node, bool forgotten) {
  const auto found =
      run(std::string("SELECT d.id, d.seq, l.body FROM drifts d JOIN ledger l ON l.seq = d.seq WHERE d.node_ref = $1"
                      " AND d.state IN ") +
              (forgotten ? "('forgotten')" : "('open', 'contested', 'suppressed')") + " ORDER BY d.seq",
          PgParams().add(node.ref));
  if (!found) return found.error();
  std::vector<DriftRow> rows;
  for (int i = 0; i < found->size(); ++i) {
    DriftRow& drift = rows.emplace_back();
    drift.id = found->text(i, 0);
    drift.seq = found->count(i, 1);
    drift.body = found->text(i, 2);
  }
  return rows;
}

}  // namespace plumbline::collector
