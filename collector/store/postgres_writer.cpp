#include "collector/store/postgres_writer.hpp"

#include <algorithm>
#include <cstring>

#include "collector/store/postgres_schema.hpp"

namespace plumbline::collector {
namespace {

constexpr std::int16_t ledger_columns = 16;

// A collector that was stopped within a transaction must not hold up the others, nor wait for one for ever. Rows are
// looked up by their keys alone: a plan that was made while a table was small must not read all of it later. Bodies
// past two kilobytes are compressed, by LZ4 where the server has it (since 14, and as it was built): pglz, the default,
// takes a fifth of all that a finding costs the server.
constexpr const char* settings =
    "SET idle_in_transaction_session_timeout = '5s'; SET statement_timeout = '20s'; SET lock_timeout = '15s';"
    "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off;"
    "SET synchronous_commit = on;"
    "SELECT set_config(name, 'lz4', false) FROM pg_settings WHERE name = 'default_toast_compression'"
    " AND 'lz4' = ANY (enumvals)";

Digest digest_of(const PgRows& rows, int row, int column) {
  Digest digest{};
  const std::string bytes = rows.text(row, column);
  std::memcpy(digest.data(), bytes.data(), std::min(bytes.size(), digest.size()));
  return digest;
}

}  // namespace

Result<PgRows> PostgresWriter::run(const std::string& sql, const PgParams& params) {
  return connection_->run(sql, params);
}

/// A connection that was lost since the last commit is opened again, and so is one on which BEGIN says so.
Result<void> PostgresWriter::begin() {
  for (int attempt = 0;; ++attempt) {
    if (connection_ && connection_->is_broken()) connection_.reset();
    const bool is_new = !connection_;
    if (is_new) {
      auto opened = PgConnection::open(target_);
      if (!opened) return opened.error();
      if (auto set = opened->script(settings); !set) return set;
      connection_ = std::move(*opened);
    }
    auto begun = connection_->script("BEGIN");
    if (begun || is_new || attempt > 0 || !connection_->is_broken()) return begun;
  }
}

Result<void> PostgresWriter::lock_ledger() {
  if (locked_) return {};
  const auto end = run("SELECT seq, part, part_began_at, " + std::string(server_now) + " FROM ledger_end FOR UPDATE");
  if (!end) return end.error();
  if (end->empty()) return Error{ErrorCode::corrupt, "use the store", "its table ledger_end is empty", ""};
  last_seq_ = end->count(0, 0);
  part_ = end->number(0, 1);
  locked_ = true;
  return begin_part_if_due(end->number(0, 2), end->number(0, 3));
}

Result<void> PostgresWriter::expect(const std::vector<const PreparedBatch*>& batches) {
  if (batches.empty()) return {};
  if (auto locked = lock_ledger(); !locked) return locked;
  std::map<std::string, const PreparedBatch*> wanted;
  for (const auto* batch : batches) wanted.emplace(batch->header.node_id, batch);
  if (auto loaded = load_nodes(wanted); !loaded) return loaded;
  std::vector<std::int64_t> refs;
  std::vector<std::string> ids;
  for (const auto* batch : batches)
    for (const auto& item : batch->records) {
      if (!item.refused.empty()) continue;
      refs.push_back(nodes_.at(batch->header.node_id).node.ref);
      ids.push_back(item.record.id);
    }
  return look_up(refs, ids);
}

/// Loads the nodes, and makes those that are new.
Result<void> PostgresWriter::load_nodes(const std::map<std::string, const PreparedBatch*>& wanted) {
  std::vector<std::string> ids;
  for (const auto& [id, batch] : wanted) ids.push_back(id);
  const auto load = [&]() -> Result<void> {
    const auto rows = run(
        "SELECT node_id, ref, first_sequence, accepted_through, epoch, sequence_gaps, missing, last_seen, silent_since,"
        " gap_since, conflict_since, forgotten_at FROM nodes WHERE node_id = ANY ($1)",
        PgParams().add(ids));
    if (!rows) return rows.error();
    for (int row = 0; row < rows->size(); ++row)
      nodes_[rows->text(row, 0)].node = {rows->number(row, 1),  rows->count(row, 2),  rows->count(row, 3),
                                         rows->count(row, 4),   rows->count(row, 5),  rows->count(row, 6),
                                         rows->number(row, 7),  rows->number(row, 8), rows->number(row, 9),
                                         rows->number(row, 10), rows->number(row, 11)};
    return {};
  };
  if (auto loaded = load(); !loaded) return loaded;
  std::erase_if(ids, [this](const std::string& id) { return nodes_.contains(id); });
  if (ids.empty()) return {};
  std::vector<std::string> names;
  std::vector<std::int64_t> seen;
  for (const auto& id : ids) {
    names.push_back(wanted.at(id)->header.node);
    seen.push_back(wanted.at(id)->received_at);
  }
  const auto made =
      run("INSERT INTO nodes (node_id, node, first_seen, last_seen) SELECT id, name, seen, seen FROM"
          " unnest($1::text[], $2::text[], $3::bigint[]) AS new (id, name, seen)",
          PgParams().add(ids).add(names).add(seen));
  if (!made) return made.error();
  return load();
}

Result<void> PostgresWriter::look_up(const std::vector<std::int64_t>& refs, const std::vector<std::string>& ids) {
  if (ids.empty()) return {};
  for (std::size_t i = 0; i < ids.size(); ++i) known_[refs[i]].try_emplace(ids[i], std::nullopt);
  const auto rows =
      run("SELECT l.node_ref, l.id, l.digest FROM unnest($1::bigint[], $2::text[]) AS asked (ref, id) JOIN ledger l"
          " ON l.node_ref = asked.ref AND l.id = asked.id COLLATE \"C\"",
          PgParams().add(refs).add(ids));
  if (!rows) return rows.error();
  for (int row = 0; row < rows->size(); ++row)
    known_[rows->number(row, 0)][rows->text(row, 1)] = digest_of(*rows, row, 2);
  return {};
}

Result<LedgerWriter::Node*> PostgresWriter::node_of(const PreparedBatch& batch) {
  const std::string& id = batch.header.node_id;
  if (const auto known = nodes_.find(id); known != nodes_.end()) return &known->second.node;
  if (auto locked = lock_ledger(); !locked) return locked.error();
  if (auto loaded = load_nodes({{id, &batch}}); !loaded) return loaded.error();
  return &nodes_[id].node;
}

Result<void> PostgresWriter::save_node(const PreparedBatch& batch, const Node&) {
  nodes_.at(batch.header.node_id).batch = &batch;
  return {};
}

Result<LedgerWriter::Appended> PostgresWriter::append(const Node& node, const PreparedRecord& item,
                                                      WallNs received_at) {
  if (auto locked = lock_ledger(); !locked) return locked.error();
  const auto& [record, columns, digest, refused] = item;
  auto& of_node = known_[node.ref];
  auto known = of_node.find(record.id);
  if (known == of_node.end()) {
    if (auto looked = look_up({node.ref}, {record.id}); !looked) return looked.error();
    known = of_node.find(record.id);
  }
  if (known->second) return *known->second == digest ? Appended::repeated : Appended::conflicting;
  known->second = digest;
  counts().last_seq = ++last_seq_;
  rows_.begin_row(ledger_columns);
  rows_.number(static_cast<std::int64_t>(last_seq_));
  rows_.number(part_);
  rows_.number(node.ref);
  rows_.number(static_cast<std::int64_t>(record.sequence));
  rows_.text(record.type);
  rows_.text(record.id);
  rows_.number(columns.at);
  rows_.number(received_at);
  rows_.text(columns.resource);
  rows_.text(columns.verdict);
  rows_.text(columns.comparison);
  rows_.text(columns.severity);
  rows_.text(columns.drift_id);
  rows_.text(columns.drift_state);
  rows_.bytes(digest);
  rows_.text(record.body);
  return Appended::stored;
}

Result<void> PostgresWriter::save_drift(const Node& node, const PreparedRecord& item, std::uint64_t seq) {
  auto& newest = drifts_[{item.columns.drift_id, node.ref}];
  if (newest.item != nullptr &&
      std::pair(newest.epoch, newest.item->record.sequence) >= std::pair(node.epoch, item.record.sequence))
    return {};
  newest = {&item, seq, node.epoch};
  return {};
}

Result<void> PostgresWriter::flush_drifts() {
  if (drifts_.empty()) return {};
  std::vector<std::string> ids, resources, states, comparisons, baselines, severities;
  std::vector<std::int64_t> refs, seqs, epochs, sequences, updated, live;
  for (const auto& [key, newest] : drifts_) {
    const auto& columns = newest.item->columns;
    ids.push_back(key.first);
    refs.push_back(key.second);
    seqs.push_back(static_cast<std::int64_t>(newest.seq));
    epochs.push_back(static_cast<std::int64_t>(newest.epoch));
    sequences.push_back(static_cast<std::int64_t>(newest.item->record.sequence));
    resources.push_back(columns.drift_resource);
    states.push_back(columns.drift_state);
    comparisons.push_back(columns.drift_comparison);
    updated.push_back(columns.drift_updated_at);
    baselines.push_back(columns.drift_baseline);
    severities.push_back(columns.drift_severity);
    live.push_back(columns.drift_live);
  }
  const auto saved =
      run("INSERT INTO drifts (id, node_ref, seq, epoch, sequence, resource, state, comparison, updated_at, baseline,"
          " severity, live) SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],"
          " $6::text[], $7::text[], $8::text[], $9::bigint[], $10::text[], $11::text[], $12::bigint[])"
          " ON CONFLICT (id, node_ref) DO UPDATE SET seq = excluded.seq, epoch = excluded.epoch,"
          " sequence = excluded.sequence, resource = excluded.resource, state = excluded.state,"
          " comparison = excluded.comparison, updated_at = excluded.updated_at, baseline = excluded.baseline,"
          " severity = excluded.severity, live = excluded.live"
          " WHERE (excluded.epoch, excluded.sequence) > (drifts.epoch, drifts.sequence)",
          PgParams()
              .add(ids)
              .add(refs)
              .add(seqs)
              .add(epochs)
              .add(sequences)
              .add(resources)
              .add(states)
              .add(comparisons)
              .add(updated)
              .add(baselines)
              .add(severities)
              .add(live));
  if (!saved) return saved.error();
  return {};
}

Result<void> PostgresWriter::flush_nodes() {
  std::vector<std::string> names, labels, boots, versions, healths;
  std::vector<std::int64_t> refs, last_seen, first, through, oldest, epochs, gaps, missing, silent, heard, gap_since,
      conflict_since;
  for (const auto& [id, known] : nodes_) {
    if (known.batch == nullptr) continue;
    const auto& header = known.batch->header;
    const Node& node = known.node;
    refs.push_back(node.ref);
    names.push_back(header.node);
    labels.push_back(header.labels_json);
    boots.push_back(header.boot_id);
    versions.push_back(header.agent_version);
    healths.push_back(header.health_json);
    last_seen.push_back(node.last_seen);
    first.push_back(static_cast<std::int64_t>(node.first_sequence));
    through.push_back(static_cast<std::int64_t>(node.accepted_through));
    oldest.push_back(static_cast<std::int64_t>(header.oldest_unsent));
    epochs.push_back(static_cast<std::int64_t>(node.epoch));
    gaps.push_back(static_cast<std::int64_t>(node.sequence_gaps));
    missing.push_back(static_cast<std::int64_t>(node.missing));
    silent.push_back(node.silent_since);
    heard.push_back(known.batch->heard_at);
    gap_since.push_back(node.gap_since);
    conflict_since.push_back(node.conflict_since);
  }
  if (refs.empty()) return {};
  const auto saved =
      run("UPDATE nodes SET node = new.node, labels = new.labels, boot_id = new.boot, agent_version = new.version,"
          " health = new.health, last_seen = new.seen, first_sequence = new.first, accepted_through = new.through,"
          " oldest_unsent = new.oldest, epoch = new.epoch, sequence_gaps = new.gaps, missing = new.missing,"
          " silent_since = new.silent, gap_since = new.gap_since, conflict_since = new.conflict_since, heard_by = $18, "
          "heard_boot = new.heard, heard_at = " +
              std::string(server_now) +
              " FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],"
              " $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[],"
              " $15::bigint[], $16::bigint[], $17::bigint[]) AS new (ref, node, labels, boot, version, health, seen, "
              "first, through, oldest, epoch, gaps,"
              " missing, silent, heard, gap_since, conflict_since) WHERE nodes.ref = new.ref",
          PgParams()
              .add(refs)
              .add(names)
              .add(labels)
              .add(boots)
              .add(versions)
              .add(healths)
              .add(last_seen)
              .add(first)
              .add(through)
              .add(oldest)
              .add(epochs)
              .add(gaps)
              .add(missing)
              .add(silent)
              .add(heard)
              .add(gap_since)
              .add(conflict_since)
              .add(turns_.me()));
  if (!saved) return saved.error();
  return {};
}

Result<void> PostgresWriter::commit() {
  std::string end;
  if (rows_.size() != 0) {
    if (auto copied = connection_->copy("ledger_" + std::to_string(part_), rows_); !copied) return copied;
    end = "UPDATE ledger_end SET seq = " + std::to_string(last_seq_) + ";" + turns_.sql_to_tell_of_rows(last_seq_);
  }
  if (auto saved = flush_drifts(); !saved) return saved;
  if (auto saved = flush_nodes(); !saved) return saved;
  if (tell_of_replay_) end += turns_.sql_to_tell_of_replay();
  auto committed = connection_->script(end + "COMMIT");
  if (!committed) return committed;
  const WriteCounts written = counts();
  roll_back();
  counts() = written;
  return {};
}

/// Forgets what belongs to a transaction, and ends one that is open.
void PostgresWriter::roll_back() {
  if (connection_ && !connection_->is_broken() && connection_->in_transaction()) (void)connection_->script("ROLLBACK");
  locked_ = tell_of_replay_ = false;
  rows_.clear();
  nodes_.clear();
  known_.clear();
  drifts_.clear();
  counts() = {};
}

Result<void> PostgresWriter::move_sink_cursor(const std::string& sink, std::uint64_t seq) {
  const auto term = turns_.term(sink);
  if (!term) {
    ++counts().cursors_fenced;
    return {};
  }
  const auto moved =
      run("UPDATE sinks SET cursor = greatest(coalesce(cursor, 0), $2) WHERE name = $1 AND owner = $3 AND term = $4",
          PgParams().add(sink).add(seq).add(turns_.me()).add(*term));
  if (!moved) return moved.error();
  if (moved->changed() == 0) ++counts().cursors_fenced;
  return {};
}

Result<std::optional<std::uint64_t>> PostgresWriter::add_dead_letter(const DeadLetter& letter, const Digest& digest) {
  const auto added =
      run("INSERT INTO dead_letters (origin, seq, node_id, sequence, record_id, why, at, digest, body)"
          " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
          " ON CONFLICT (origin, node_id, record_id, seq, digest) DO NOTHING RETURNING id",
          PgParams()
              .add(letter.origin)
              .add(letter.seq)
              .add(letter.node_id)
              .add(letter.sequence)
              .add(letter.record_id)
              .add(letter.why)
              .add(letter.at)
              .add(std::span<const std::byte>(digest))
              .add(std::as_bytes(std::span(letter.body))));
  if (!added) return added.error();
  if (added->empty()) return std::optional<std::uint64_t>();
  return std::optional(added->count(0, 0));
}

Result<std::size_t> PostgresWriter::request_replay(const std::string& origin) {
  const auto marked = run("UPDATE dead_letters SET replaying = 1 WHERE origin = $1", PgParams().add(origin));
  if (!marked) return marked.error();
  tell_of_replay_ = true;
  return marked->changed();
}

Result<void> PostgresWriter::end_replay(std::uint64_t id, const std::string& why) {
  const auto ended =
      why.empty() ? run("DELETE FROM dead_letters WHERE id = $1", PgParams().add(id))
                  : run("UPDATE dead_letters SET replaying = 0, why = $2 WHERE id = $1", PgParams().add(id).add(why));
  if (!ended) return ended.error();
  return {};
}

Result<void> PostgresWriter::probe() {
  return connection_->script("UPDATE ledger_end SET seq = seq");
}

Result<void> PostgresWriter::leave_turns() {
  if (!connection_ || connection_->is_broken()) return {};
  return turns_.leave_all(*connection_);
}

}  // namespace plumbline::collector
