#include "collector/store/sqlite_writer.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "include/wire/json_write.hpp"

namespace plumbline::collector {
namespace {

// A fleet larger than this re-reads rows; the rows are the truth.
constexpr std::size_t max_cached_nodes = 50'000;

std::string silence_body(const std::string& node_id, const std::string& node, const char* state, WallNs last_seen,
                         WallNs now) {
  wire::JsonObject silence;
  silence.text("node_id", node_id).text("node", node).text("state", state).text("last_seen", rfc3339(last_seen));
  silence.text("at", rfc3339(now));
  return wire::JsonObject().raw("silence", silence.str()).str();
}

}  // namespace

Result<std::unique_ptr<SqliteWriter>> SqliteWriter::make(Database& database) {
  std::unique_ptr<SqliteWriter> writer(new SqliteWriter(database));
  struct Prepared {
    Statement& into;
    const char* sql;
  };
  const std::array<Prepared, 14> all = {{
      {writer->find_node_,
       "SELECT ref, first_sequence, accepted_through, epoch, sequence_gaps, missing, last_seen, silent_since "
       "FROM nodes WHERE node_id = ?1"},
      {writer->add_node_,
       "INSERT INTO nodes (node_id, node, labels, boot_id, agent_version, health, first_seen, last_seen, "
       "first_sequence,"
       " accepted_through, oldest_unsent, epoch, sequence_gaps, missing, silent_since)"
       " VALUES (?1, ?2, '{}', '', '', '{}', ?3, ?3, 0, 0, 0, 0, 0, 0, 0)"},
      {writer->save_node_,
       "UPDATE nodes SET node = ?2, labels = ?3, boot_id = ?4, agent_version = ?5, health = ?6, last_seen = ?7,"
       " first_sequence = ?8, accepted_through = ?9, oldest_unsent = ?10, epoch = ?11, sequence_gaps = ?12,"
       " missing = ?13, silent_since = ?14 WHERE ref = ?1"},
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
      {writer->find_silent_, "SELECT ref, node_id, node, last_seen FROM nodes WHERE silent_since = 0"},
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

Result<wire::Ack> SqliteWriter::ingest(const PreparedBatch& batch) {
  auto found = node_of(batch);
  if (!found) return found.error();
  Node& node = **found;
  heard_[node.ref] = std::max(heard_[node.ref], batch.heard_at);
  if (node.silent_since != 0) {
    const std::string id = "returned-" + batch.header.node_id + "-" + std::to_string(node.silent_since);
    const auto appended =
        append_own(node, "silence", id,
                   silence_body(batch.header.node_id, batch.header.node, "returned", node.last_seen, batch.received_at),
                   batch.received_at);
    if (!appended) return appended.error();
    node.silent_since = 0;
  }
  wire::Ack ack;
  ack.items.reserve(batch.records.size());
  Conflicts conflicts;
  for (const PreparedRecord& item : batch.records) {
    auto outcome = ingest_record(batch, item, node, conflicts);
    if (!outcome) return outcome.error();
    ack.items.push_back(std::move(*outcome));
  }
  const auto reported = report_conflicts(batch, node, conflicts);
  if (!reported) return reported.error();
  // Of a batch, everything up to its end is durable, whatever was held before; a heartbeat asks what is.
  ack.accepted_through = batch.records.empty() ? node.accepted_through : batch.records.back().record.sequence;
  node.last_seen = batch.received_at;  // to show; a clock that was set back is followed
  const auto saved = save_node(batch, node);
  if (!saved) return saved.error();
  return ack;
}

Result<wire::AckItem> SqliteWriter::ingest_record(const PreparedBatch& batch, const PreparedRecord& item, Node& node,
                                                  Conflicts& conflicts) {
  const std::uint64_t sequence = item.record.sequence;
  if (!item.refused.empty()) return set_aside(batch, item, node, item.refused, conflicts);
  const auto appended = append(node, item, batch.received_at);
  if (!appended) return appended.error();
  if (*appended) {
    const std::int64_t seq = database_.last_row();
    ++counts_.stored;
    const auto advanced = advance(batch, node, sequence);
    if (!advanced) return advanced.error();
    if (item.columns.has_drift) {
      const auto saved = save_drift(node, item, seq);
      if (!saved) return saved.error();
    }
    return wire::AckItem{sequence, "stored", ""};
  }
  const auto same = is_stored(node, item);
  if (!same) return same.error();
  if (!*same)
    return set_aside(batch, item, node, "id " + item.record.id + " was stored before with another body", conflicts);
  ++counts_.duplicates;
  node.accepted_through = std::max(node.accepted_through, sequence);
  return wire::AckItem{sequence, "duplicate", ""};
}

/// Whether the record that has this id is this one.
Result<bool> SqliteWriter::is_stored(const Node& node, const PreparedRecord& item) {
  const auto found = find_digest_.bind(1, node.ref).bind(2, item.record.id).bind(3, item.digest).step();
  if (!found) return found.error();
  const bool equal = *found && find_digest_.number(0) == 1;
  find_digest_.reset();
  return equal;
}

Result<wire::AckItem> SqliteWriter::set_aside(const PreparedBatch& batch, const PreparedRecord& item, Node& node,
                                              const std::string& why, Conflicts& conflicts) {
  const std::uint64_t sequence = item.record.sequence;
  DeadLetter letter;
  letter.origin = "ingest";
  letter.node_id = batch.header.node_id;
  letter.sequence = sequence;
  letter.record_id = item.record.id;
  letter.why = why;
  letter.at = batch.received_at;
  letter.body = item.record.body;
  const auto added = add_dead_letter(letter, item.digest);
  if (!added) return added.error();
  if (!*added) return wire::AckItem{sequence, "rejected", why};
  ++counts_.rejected;
  if (item.refused.empty()) {
    // It says nothing about the node's sequence: who sent which of the two is not known.
    ++counts_.conflicts;
    if (conflicts.records++ == 0) conflicts = {1, sequence, item.record.id, database_.last_row()};
  } else {
    const auto advanced = advance(batch, node, sequence);  // a refused body leaves no hole
    if (!advanced) return advanced.error();
  }
  return wire::AckItem{sequence, "rejected", why};
}

/// Two senders say that they are this node, or one lost its state: sinks hear of it, once a batch.
Result<void> SqliteWriter::report_conflicts(const PreparedBatch& batch, const Node& node, const Conflicts& conflicts) {
  if (conflicts.records == 0) return {};
  wire::JsonObject conflict;
  conflict.text("node_id", batch.header.node_id).text("node", batch.header.node);
  conflict.number("records", conflicts.records).text("record_id", conflicts.record_id);
  conflict.number("sequence", conflicts.sequence).number("dead_letter", conflicts.letter);
  conflict.text("at", rfc3339(batch.received_at));
  return append_own(node, "conflict", "conflict-" + batch.header.node_id + "-" + std::to_string(conflicts.letter),
                    wire::JsonObject().raw("conflict", conflict.str()).str(), batch.received_at);
}

// A new record: does it follow on what this node sent before?
Result<void> SqliteWriter::advance(const PreparedBatch& batch, Node& node, std::uint64_t sequence) {
  if (node.first_sequence == 0) {
    node.first_sequence = sequence;
    node.accepted_through = sequence;
    return {};
  }
  if (sequence <= node.accepted_through) {
    // Never seen, yet numbered as if it had been: the node's spool began anew.
    ++node.epoch;
    ++counts_.sequence_resets;
    node.accepted_through = sequence;
    return {};
  }
  const std::uint64_t from = node.accepted_through + 1;
  node.accepted_through = sequence;
  if (sequence == from) return {};
  ++node.sequence_gaps;
  ++counts_.sequence_gaps;
  node.missing += sequence - from;
  wire::JsonObject gap;
  gap.text("node_id", batch.header.node_id).text("node", batch.header.node);
  gap.number("from_sequence", from).number("until_sequence", sequence - 1).number("missing", sequence - from);
  gap.text("at", rfc3339(batch.received_at));
  return append_own(
      node, "sequence_gap",
      "sequence-gap-" + batch.header.node_id + "-" + std::to_string(node.epoch) + "-" + std::to_string(from),
      wire::JsonObject().raw("sequence_gap", gap.str()).str(), batch.received_at);
}

Result<bool> SqliteWriter::append(const Node& node, const PreparedRecord& item, WallNs received_at) {
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
  if (database_.changes() == 0) return false;
  const std::int64_t seq = database_.last_row();
  const auto kept = append_body_.bind(1, seq).bind(2, digest).bind(3, record.body).run();
  if (!kept) return kept.error();
  counts_.last_seq = static_cast<std::uint64_t>(seq);
  return true;
}

Result<void> SqliteWriter::append_own(const Node& node, const std::string& type, const std::string& id,
                                      std::string body, WallNs now) {
  PreparedRecord item;
  item.record = {0, type, id, now, std::move(body)};
  item.columns.at = now;
  const auto appended = append(node, item, now);
  if (!appended) return appended.error();
  return {};
}

Result<void> SqliteWriter::save_drift(const Node& node, const PreparedRecord& item, std::int64_t seq) {
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

Result<SqliteWriter::Node*> SqliteWriter::node_of(const PreparedBatch& batch) {
  const std::string& id = batch.header.node_id;
  if (const auto cached = nodes_.find(id); cached != nodes_.end()) return &cached->second;
  if (nodes_.size() >= max_cached_nodes) nodes_.clear();
  Node node;
  const auto found = find_node_.bind(1, id).step();
  if (!found) return found.error();
  if (*found) {
    node = {find_node_.number(0), find_node_.count(1), find_node_.count(2),  find_node_.count(3),
            find_node_.count(4),  find_node_.count(5), find_node_.number(6), find_node_.number(7)};
    find_node_.reset();
  } else {
    const auto added = add_node_.bind(1, id).bind(2, batch.header.node).bind(3, batch.received_at).run();
    if (!added) return added.error();
    node.ref = database_.last_row();
  }
  return &nodes_.emplace(id, node).first->second;
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
      .run();
}

Result<std::size_t> SqliteWriter::report_silence(std::int64_t heard_before, WallNs now) {
  struct Silent {
    std::string node_id;
    std::string node;
    WallNs last_seen;
  };
  std::vector<Silent> silent;
  for (;;) {
    const auto row = find_silent_.step();
    if (!row) return row.error();
    if (!*row) break;
    const auto heard = heard_.find(find_silent_.number(0));
    if (heard != heard_.end() && heard->second >= heard_before) continue;
    if (heard != heard_.end()) heard_.erase(heard);  // as good as never heard, until it is heard again
    silent.push_back({find_silent_.text(1), find_silent_.text(2), find_silent_.number(3)});
  }
  for (const Silent& one : silent) {
    PreparedBatch batch;
    batch.header.node_id = one.node_id;
    auto node = node_of(batch);
    if (!node) return node.error();
    const auto appended = append_own(**node, "silence", "silence-" + one.node_id + "-" + std::to_string(one.last_seen),
                                     silence_body(one.node_id, one.node, "silent", one.last_seen, now), now);
    if (!appended) return appended.error();
    const auto set = set_silent_.bind(1, one.node_id).bind(2, one.last_seen).run();
    if (!set) return set.error();
    (*node)->silent_since = one.last_seen;
  }
  return silent.size();
}

Result<void> SqliteWriter::move_sink_cursor(const std::string& sink, std::uint64_t seq) {
  return save_cursor_.bind(1, sink).bind(2, seq).run();
}

Result<bool> SqliteWriter::add_dead_letter(const DeadLetter& letter, const Digest& digest) {
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
  return database_.changes() == 1;
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

WriteCounts SqliteWriter::take_counts() {
  return std::exchange(counts_, {});
}

void SqliteWriter::forget() {
  nodes_.clear();
  counts_ = {};
}

}  // namespace plumbline::collector
