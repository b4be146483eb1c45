// What people say of nodes, in SQLite.
#include "collector/store/sqlite_writer.hpp"

namespace plumbline::collector {
namespace {

const char* states(bool forgotten) {
  return forgotten ? "('forgotten')" : "('open', 'contested', 'suppressed')";
}

}  // namespace

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

Result<std::vector<DriftRow>> SqliteWriter::find_drifts(const Node& node, bool forgotten, std::size_t limit) {
  auto find = database_.prepare(
      std::string("SELECT d.id, d.seq, b.body FROM drifts d JOIN bodies b ON b.seq = d.seq WHERE d.node_ref = ?1 AND"
                  " d.state IN ") +
      states(forgotten) + " ORDER BY d.seq LIMIT ?2");
  if (!find) return find.error();
  find->bind(1, node.ref).bind(2, static_cast<std::int64_t>(limit));
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

Result<std::size_t> SqliteWriter::count_drifts(const Node& node, bool forgotten) {
  auto count = database_.prepare(std::string("SELECT count(*) FROM drifts WHERE node_ref = ?1 AND state IN ") +
                                 states(forgotten));
  if (!count) return count.error();
  if (const auto row = count->bind(1, node.ref).step(); !row) return row.error();
  return static_cast<std::size_t>(count->number(0));
}

Result<void> SqliteWriter::set_drift_state(const Node& node, const std::string& id, const char* state) {
  auto set = database_.prepare("UPDATE drifts SET state = ?3 WHERE id = ?1 AND node_ref = ?2");
  if (!set) return set.error();
  return set->bind(1, id).bind(2, node.ref).bind(3, std::string_view(state)).run();
}

Result<void> SqliteWriter::set_unsettled(const Node& node, const NodeWord& word) {
  auto set =
      database_.prepare("UPDATE nodes SET unsettled_at = ?2, unsettled_by = ?3, unsettled_reason = ?4 WHERE ref = ?1");
  if (!set) return set.error();
  return set->bind(1, node.ref).bind(2, word.at).bind(3, word.by).bind(4, word.reason).run();
}

Result<std::optional<NodeWord>> SqliteWriter::find_unsettled() {
  auto find = database_.prepare(
      "SELECT node_id, unsettled_by, unsettled_reason, unsettled_at FROM nodes WHERE unsettled_at <> 0 LIMIT 1");
  if (!find) return find.error();
  const auto row = find->step();
  if (!row) return row.error();
  if (!*row) return std::optional<NodeWord>();
  return std::optional(NodeWord{find->text(0), find->text(1), find->text(2), find->number(3)});
}

}  // namespace plumbline::collector
