#include "collector/store/postgres_silences.hpp"

#include "collector/store/postgres_schema.hpp"
#include "collector/store/postgres_writer.hpp"

namespace plumbline::collector {
namespace {

constexpr const char* columns =
    "SELECT id, resource, node, baseline, max_severity, until, reason, created_by, claimed_by, created_at, ended_at,"
    " ended_by, begin_seq, end_seq FROM alert_silences ";

/// $1: this collector, $2: its boot clock, $3: nanoseconds. What another one heard is measured by the server's clock.
std::string silent_nodes(const char* what) {
  return std::string("SELECT ") + what +
         " FROM nodes WHERE silent_since = 0 AND forgotten_at = 0 AND CASE WHEN heard_by = $1 THEN heard_boot"
         " < $2 ELSE heard_at < " +
         server_now + " - $3 END";
}

PgParams silent_params(const std::string& me, std::int64_t heard_before, std::chrono::nanoseconds after) {
  return PgParams().add(me).add(heard_before).add(std::int64_t{after.count()});
}

Result<std::vector<AlertSilence>> silences_of(const Result<PgRows>& rows) {
  if (!rows) return rows.error();
  std::vector<AlertSilence> silences;
  for (int i = 0; i < rows->size(); ++i)
    silences.push_back({rows->count(i, 0), rows->text(i, 1), rows->text(i, 2), rows->text(i, 3), rows->text(i, 4),
                        rows->number(i, 5), rows->text(i, 6), rows->text(i, 7), rows->text(i, 8), rows->number(i, 9),
                        rows->number(i, 10), rows->text(i, 11), rows->count(i, 12), rows->count(i, 13)});
  return silences;
}

}  // namespace

Result<Page<AlertSilence>> read_silences(PgConnection& connection, const Query& query) {
  const char* const state = query.state == "active"  ? "end_seq = 0 AND "
                            : query.state == "ended" ? "end_seq <> 0 AND "
                                                     : "";
  auto rows = silences_of(
      connection.run(std::string(columns) + "WHERE " + state + "($1 = 0 OR id < $1) ORDER BY id DESC LIMIT $2",
                     PgParams().add(query.before).add(static_cast<std::int64_t>(query.limit + 1))));
  if (!rows) return rows.error();
  Page<AlertSilence> page;
  page.items = std::move(*rows);
  if (page.items.size() <= query.limit) return page;
  page.items.resize(query.limit);
  page.next = page.items.back().id;
  return page;
}

Result<std::vector<AlertSilence>> read_silences_over(PgConnection& connection, std::uint64_t first,
                                                     std::uint64_t last) {
  return silences_of(connection.run(std::string(columns) + "WHERE begin_seq < $2 AND (end_seq = 0 OR end_seq > $1)",
                                    PgParams().add(first).add(last)));
}

Result<bool> read_silences_due(PgConnection& connection, WallNs now) {
  const auto due =
      connection.run("SELECT id FROM alert_silences WHERE end_seq = 0 AND until <= $1 LIMIT 1", PgParams().add(now));
  if (!due) return due.error();
  return !due->empty();
}

Result<bool> read_nodes_silent(PgConnection& connection, const std::string& me, std::int64_t heard_before,
                               std::chrono::nanoseconds after) {
  const auto found = connection.run(silent_nodes("ref") + " LIMIT 1", silent_params(me, heard_before, after));
  if (!found) return found.error();
  return !found->empty();
}

Result<std::vector<LedgerWriter::SilentNode>> PostgresWriter::find_silent(std::int64_t heard_before,
                                                                          std::chrono::nanoseconds after) {
  if (auto locked = lock_ledger(); !locked) return locked.error();  // so that it is found silent once
  const auto rows = run(silent_nodes("node_id, node, last_seen"), silent_params(turns_.me(), heard_before, after));
  if (!rows) return rows.error();
  std::vector<SilentNode> silent;
  for (int i = 0; i < rows->size(); ++i) silent.push_back({rows->text(i, 0), rows->text(i, 1), rows->number(i, 2)});
  return silent;
}

Result<void> PostgresWriter::set_silent(const std::string&, Node& node, WallNs since) {
  const auto set = run("UPDATE nodes SET silent_since = $2 WHERE ref = $1", PgParams().add(node.ref).add(since));
  if (!set) return set.error();
  return {};
}

Result<std::size_t> PostgresWriter::count_active_silences() {
  if (auto locked = lock_ledger(); !locked) return locked.error();  // so that no two make the last one
  const auto active = run("SELECT count(*) FROM alert_silences WHERE end_seq = 0");
  if (!active) return active.error();
  return static_cast<std::size_t>(active->number(0, 0));
}

Result<std::uint64_t> PostgresWriter::insert_silence(const AlertSilence& silence) {
  const auto added =
      run("INSERT INTO alert_silences (resource, node, baseline, max_severity, until, reason, created_by, claimed_by,"
          " created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
          PgParams()
              .add(silence.resource)
              .add(silence.node)
              .add(silence.baseline)
              .add(silence.max_severity)
              .add(silence.until)
              .add(silence.reason)
              .add(silence.created_by)
              .add(silence.by)
              .add(silence.created_at));
  if (!added) return added.error();
  return added->count(0, 0);
}

Result<void> PostgresWriter::set_silence_begin(std::uint64_t id, std::uint64_t seq) {
  const auto begun = run("UPDATE alert_silences SET begin_seq = $2 WHERE id = $1", PgParams().add(id).add(seq));
  if (!begun) return begun.error();
  return {};
}

Result<void> PostgresWriter::set_silence_end(const AlertSilence& silence) {
  const auto ended = run("UPDATE alert_silences SET ended_at = $2, ended_by = $3, end_seq = $4 WHERE id = $1",
                         PgParams().add(silence.id).add(silence.ended_at).add(silence.ended_by).add(silence.end_seq));
  if (!ended) return ended.error();
  return {};
}

Result<std::vector<AlertSilence>> PostgresWriter::find_silence(std::uint64_t id) {
  if (auto locked = lock_ledger(); !locked) return locked.error();
  return silences_of(run(std::string(columns) + "WHERE id = $1", PgParams().add(id)));
}

Result<std::vector<AlertSilence>> PostgresWriter::find_due_silences(WallNs now) {
  if (auto locked = lock_ledger(); !locked) return locked.error();
  return silences_of(run(std::string(columns) + "WHERE end_seq = 0 AND until <= $1", PgParams().add(now)));
}

}  // namespace plumbline::collector
