// What people say of nodes, in PostgreSQL.
#include "collector/store/postgres_writer.hpp"

namespace plumbline::collector {
namespace {

const char* states(bool forgotten) {
  return forgotten ? "('forgotten')" : "('open', 'contested', 'suppressed')";
}

}  // namespace

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

Result<std::vector<DriftRow>> PostgresWriter::find_drifts(const Node& node, bool forgotten, std::size_t limit) {
  const auto found =
      run(std::string("SELECT d.id, d.seq, l.body FROM drifts d JOIN ledger l ON l.seq = d.seq WHERE d.node_ref = $1"
                      " AND d.state IN ") +
              states(forgotten) + " ORDER BY d.seq LIMIT $2",
          PgParams().add(node.ref).add(static_cast<std::int64_t>(limit)));
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

Result<std::size_t> PostgresWriter::count_drifts(const Node& node, bool forgotten) {
  const auto count =
      run(std::string("SELECT count(*) FROM drifts WHERE node_ref = $1 AND state IN ") + states(forgotten),
          PgParams().add(node.ref));
  if (!count) return count.error();
  return static_cast<std::size_t>(count->number(0, 0));
}

Result<void> PostgresWriter::set_drift_state(const Node& node, const std::string& id, const char* state) {
  const auto set = run("UPDATE drifts SET state = $3 WHERE id = $1 AND node_ref = $2",
                       PgParams().add(id).add(node.ref).add(std::string_view(state)));
  if (!set) return set.error();
  return {};
}

Result<void> PostgresWriter::set_unsettled(const Node& node, const NodeWord& word) {
  const auto set = run("UPDATE nodes SET unsettled_at = $2, unsettled_by = $3, unsettled_reason = $4 WHERE ref = $1",
                       PgParams().add(node.ref).add(word.at).add(word.by).add(word.reason));
  if (!set) return set.error();
  return {};
}

Result<std::optional<NodeWord>> PostgresWriter::find_unsettled() {
  if (auto locked = lock_ledger(); !locked) return locked.error();  // so that each piece is turned once
  const auto found =
      run("SELECT node_id, unsettled_by, unsettled_reason, unsettled_at FROM nodes WHERE unsettled_at <> 0 LIMIT 1");
  if (!found) return found.error();
  if (found->empty()) return std::optional<NodeWord>();
  return std::optional(NodeWord{found->text(0, 0), found->text(0, 1), found->text(0, 2), found->number(0, 3)});
}

}  // namespace plumbline::collector
