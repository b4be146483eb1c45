// What people say of nodes, in SQLite.
#include "collector/store/sqlite_writer.hpp"

namespace plumbline::collector {

Result<std::optional<std::string>> SqliteWriter::find_node_name(const std::string& node_id) {
  auto find = database_.prepare("SELECT node FROM nodes WHERE node_id = ?1 AND forgotten_at = 0");
  if (!find) return find.error();
  const auto row = find->bind(1, node_id).step();
  if (!row) return row.error();
  return *row ? std::optional(find->text(0)) : std::nullopt;
}

Result<void> SqliteWriter::save_standing(const Node& node, WallNs first_seen) {
  return save_standing_.bind(1, node.ref)
      .bind(2, node.epoch)
      .bind(3, node.sequence_gaps)
      .bind(4, node.missing)
      .bind(5, node.silent_since)
      .bind(6, node.gap_since)
      .bind(7, node.conflict_since)
      .bind(8, node.forgotten_at)
      .bind(9, first_seen)
      .run();
}

Result<std::vector<DriftRow>> SqliteWriter::find_drifts(const Node& node, bool forgotten) {
  auto find = database_.prepare(
      std::string("SELECT d.id, d.seq, b.body FROM drifts d JOIN bodies b ON b.seq = d.seq WHERE d.node_ref = ?1 AND"
                  " d.state IN ") +
      (forgotten ? "('forgotten')" : "('open', 'contested', 'suppressed')") + " ORDER BY d.seq");
  if (!find) return find.error();
  find->bind(1, node.ref);
  std::vector<DriftRow> rows;
  for (;;) {
    const auto row = find->step();
    if (!row) return row.error();
    if (!*row) return rows;
    DriftRow& drift = rows.emplace_back();
    drift.id = find->text(0);
    drift.seq = find->count(1);
    drift.body = find->text(2);
  }
}

}  // namespace plumbline::collector
