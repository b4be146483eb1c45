#include "collector/store/sqlite_writer.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace plumbline::collector {
namespace {

// A fleet larger than this re-reads rows; the rows are the truth.
constexpr std::size_t max_cached_nodes = 50'000;

}  // namespace

Result<std::unique_ptr<SqliteWriter>> SqliteWriter::make(Database& database) {
  std::unique_ptr<SqliteWriter> writer(new SqliteWriter(database));
  struct Prepared {
    Statement& into;
    const char* sql;
  };
  const std::array<Prepared, 15> all = {{
      {writer->find_node_,
       "SELECT ref, first_sequence, accepted_through, epoch, sequence_gaps, missing, last_seen, silent_since, "
       "gap_since, conflict_since, forgotten_at FROM nodes WHERE node_id = ?1"},
      {writer->add_node_,
       "INSERT INTO nodes (node_id, node, labels, boot_id, agent_version, health, first_seen, last_seen, "
       "first_sequence,"
       " accepted_through, oldest_unsent, epoch, sequence_gaps, missing, silent_since)"
       " VALUES (?1, ?2, '{}', '', '', '{}', ?3, ?3, 0, 0, 0, 0, 0, 0, 0)"},
      {writer->save_node_,
       "UPDATE nodes SET node = ?2, labels = ?3, boot_id = ?4, agent_version = ?5, health = ?6, last_seen = ?7,"
       " first_sequence = ?8, accepted_through = ?9, oldest_unsent = ?10, epoch = ?11, sequence_gaps = ?12,"
       " missing = ?13, silent_since = ?14, gap_since = ?15, conflict_since = ?16 WHERE ref = ?1"},
      {writer->save_standing_,
       "UPDATE nodes SET epoch = ?2, sequence_gaps = ?3, missing = ?4, silent_since = ?5, gap_since = ?6,"
       " conflict_since = ?7, forgotten_at = ?8, first_seen = CASE ?9 WHEN 0 THEN first_seen ELSE ?9 END WHERE ref = "
       "?1"},
      {writer->append_,
       "INSERT INTO ledger (node_ref, sequence, type, id, at, received_at, resource, verdict, comparison, severity,"
       " drift_id, drift_state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
       " ON CONFLICT (node_ref, id) DO NOTHING"},
      {writer->append_body_, "INSERT INTO bodies (seq, digest, body) VALUES (?1, ?2, ?3)"},
      {writer->find_digest_,
       "SELECT b.digest = ?3 FROM ledger l JOIN bodies b USING (seq) WHERE l.node_ref = ?1 AND l.id = ?2"},
      {writer->save_drift_,
       "INSERT INTO drifts (id, node_ref, seq, epoch, sequence, resource, state, comparison, updated_at, baseline,"
       " severity, live) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
       " ON CONFLICT (id, node_ref) DO UPDATE SET seq = excluded.seq,"
       " epoch = excluded.epoch, sequence = excluded.sequence, resource = excluded.resource, state = excluded.state,"
       " comparison = excluded.comparison, updated_at = excluded.updated_at, baseline = excluded.baseline,"
       " severity = excluded.severity, live = excluded.live"
       " WHERE (excluded.epoch, excluded.sequence) > (drifts.epoch, drifts.sequence)"},
      {writer->find_silent_,
       "SELECT ref, node_id, node, last_seen FROM nodes WHERE silent_since = 0 AND forgotten_at = 0"},
      {writer->set_silent_, "UPDATE nodes SET silent_since = ?2 WHERE node_id = ?1"},
      {writer->save_cursor_,
       "INSERT INTO sinks (name, cursor) VALUES (?1, ?2)"
       " ON CONFLICT (name) DO UPDATE SET cursor = max(cursor, excluded.cursor)"},
      {writer->add_letter_,
       "INSERT INTO dead_letters (origin, seq, node_id, sequence, record_id, why, at, replaying, digest, body)"
       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9)"
       " ON CONFLICT (origin, node_id, record_id, seq, digest) DO NOTHING"},
      {writer->mark_replays_, "UPDATE dead_letters SET replaying = 1 WHERE origin = ?1"},
      {writer->drop_letter_, "DELETE FROM dead_letters WHERE id = ?1"},
      {writer->keep_letter_, "UPDATE dead_letters SET replaying = 0, why = ?2 WHERE id = ?1"},
  }};
  for (const auto& [into, sql] : all) {
    auto statement = database.prepare(sql);
    if (!statement) return statement.error();
    into = std::move(*statement);
  }
  return writer;
}

/// Whether the record that has this id is this one.
Result<bool> SqliteWriter::is_stored(const Node& node, const PreparedRecord& item) {
  const auto found = find_digest_.bind(1, node.ref).bind(2, item.record.id).bind(3, item.digest).step();
  if (!found) return found.error();
  const bool equal = *found && find_digest_.number(0) == 1;
  find_digest_.reset();
  return equal;
}

Result<LedgerWriter::Appended> SqliteWriter::append(const Node& node, const PreparedRecord& item, WallNs received_at) {
  const auto& [record, columns, digest, refused] = item;
  const auto done = append_.bind(1, node.ref)
                        .bind(2, record.sequence)
                        .bind(3, record.type)
                        .bind(4, record.id)
                        .bind(5, columns.at)
                        .bind(6, received_at)
                        .bind(7, columns.resource)
                        .bind(8, columns.verdict)
                        .bind(9, columns.comparison)
                        .bind(10, columns.severity)
                        .bind(11, columns.drift_id)
                        .bind(12, columns.drift_state)
                        .run();
  if (!done) return done.error();
  if (database_.changes() == 0) {
    const auto same = is_stored(node, item);
    if (!same) return same.error();
    return *same ? Appended::repeated : Appended::conflicting;
  }
  const std::int64_t seq = database_.last_row();
  const auto kept = append_body_.bind(1, seq).bind(2, digest).bind(3, record.body).run();
  if (!kept) return kept.error();
  counts().last_seq = static_cast<std::uint64_t>(seq);
  return Appended::stored;
}

Result<void> SqliteWriter::save_drift(const Node& node, const PreparedRecord& item, std::uint64_t seq) {
  const auto& columns = item.columns;
  return save_drift_.bind(1, columns.drift_id)
      .bind(2, node.ref)
      .bind(3, seq)
      .bind(4, node.epoch)
      .bind(5, item.record.sequence)
      .bind(6, columns.drift_resource)
      .bind(7, columns.drift_state)
      .bind(8, columns.drift_comparison)
      .bind(9, columns.drift_updated_at)
      .bind(10, columns.drift_baseline)
      .bind(11, columns.drift_severity)
      .bind(12, columns.drift_live)
      .run();
}

Result<LedgerWriter::Node*> SqliteWriter::node_of(const PreparedBatch& batch) {
  const std::string& id = batch.header.node_id;
  if (const auto cached = nodes_.find(id); cached != nodes_.end()) return heard(cached->second, batch);
  if (nodes_.size() >= max_cached_nodes) nodes_.clear();
  Node node;
  const auto found = find_node_.bind(1, id).step();
  if (!found) return found.error();
  if (*found) {
    node = {find_node_.number(0), find_node_.count(1),  find_node_.count(2),  find_node_.count(3),
            find_node_.count(4),  find_node_.count(5),  find_node_.number(6), find_node_.number(7),
            find_node_.number(8), find_node_.number(9), find_node_.number(10)};
    find_node_.reset();
  } else {
    const auto added = add_node_.bind(1, id).bind(2, batch.header.node).bind(3, batch.received_at).run();
    if (!added) return added.error();
    node.ref = database_.last_row();
  }
  return heard(nodes_.emplace(id, node).first->second, batch);
}

LedgerWriter::Node* SqliteWriter::heard(Node& node, const PreparedBatch& batch) {
  auto& at = heard_[node.ref];
  at = std::max(at, batch.heard_at);
  return &node;
}

Result<void> SqliteWriter::save_node(const PreparedBatch& batch, const Node& node) {
  const wire::Batch& header = batch.header;
  return save_node_.bind(1, node.ref)
      .bind(2, header.node)
      .bind(3, header.labels_json)
      .bind(4, header.boot_id)
      .bind(5, header.agent_version)
      .bind(6, header.health_json)
      .bind(7, node.last_seen)
      .bind(8, node.first_sequence)
      .bind(9, node.accepted_through)
      .bind(10, header.oldest_unsent)
      .bind(11, node.epoch)
      .bind(12, node.sequence_gaps)
      .bind(13, node.missing)
      .bind(14, node.silent_since)
      .bind(15, node.gap_since)
      .bind(16, node.conflict_since)
      .run();
}

Result<std::vector<LedgerWriter::SilentNode>> SqliteWriter::find_silent(std::int64_t heard_before,
                                                                        std::chrono::nanoseconds) {
  std::vector<SilentNode> silent;
  for (;;) {
    const auto row = find_silent_.step();
    if (!row) return row.error();
    if (!*row) return silent;
    const auto heard = heard_.find(find_silent_.number(0));
    if (heard != heard_.end() && heard->second >= heard_before) continue;
    if (heard != heard_.end()) heard_.erase(heard);  // as good as never heard, until it is heard again
    silent.push_back({find_silent_.text(1), find_silent_.text(2), find_silent_.number(3)});
  }
}

Result<void> SqliteWriter::set_silent(const std::string& node_id, Node&, WallNs since) {
  return set_silent_.bind(1, node_id).bind(2, since).run();
}

Result<void> SqliteWriter::begin() {
  return database_.execute("BEGIN IMMEDIATE");
}

Result<void> SqliteWriter::commit() {
  return database_.execute("COMMIT");
}

void SqliteWriter::roll_back() {
  if (database_.in_transaction()) (void)database_.execute("ROLLBACK");
  nodes_.clear();
  counts() = {};
}

Result<void> SqliteWriter::move_sink_cursor(const std::string& sink, std::uint64_t seq) {
  return save_cursor_.bind(1, sink).bind(2, seq).run();
}

Result<std::optional<std::uint64_t>> SqliteWriter::add_dead_letter(const DeadLetter& letter, const Digest& digest) {
  const auto added = add_letter_.bind(1, letter.origin)
                         .bind(2, letter.seq)
                         .bind(3, letter.node_id)
                         .bind(4, letter.sequence)
                         .bind(5, letter.record_id)
                         .bind(6, letter.why)
                         .bind(7, letter.at)
                         .bind(8, digest)
                         .bind(9, letter.body)
                         .run();
  if (!added) return added.error();
  if (database_.changes() == 0) return std::optional<std::uint64_t>();
  return std::optional(static_cast<std::uint64_t>(database_.last_row()));
}

Result<std::size_t> SqliteWriter::request_replay(const std::string& origin) {
  const auto marked = mark_replays_.bind(1, origin).run();
  if (!marked) return marked.error();
  return static_cast<std::size_t>(database_.changes());
}

Result<void> SqliteWriter::end_replay(std::uint64_t id, const std::string& why) {
  if (why.empty()) return drop_letter_.bind(1, id).run();
  return keep_letter_.bind(1, id).bind(2, why).run();
}

Result<void> SqliteWriter::probe() {
  return save_cursor_.bind(1, std::string_view("")).bind(2, std::int64_t{0}).run();
}

}  // namespace plumbline::collector
