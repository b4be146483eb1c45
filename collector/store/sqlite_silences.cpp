#include "collector/store/sqlite_silences.hpp"

#include "collector/store/sqlite_writer.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::collector {
namespace {

constexpr const char* columns =
    "SELECT id, resource, node, baseline, max_severity, until, reason, created_by, claimed_by, created_at, ended_at,"
    " ended_by, begin_seq, end_seq FROM alert_silences ";

AlertSilence silence_row(const Statement& row) {
  return {row.count(0), row.text(1), row.text(2),   row.text(3),    row.text(4),  row.number(5), row.text(6),
          row.text(7),  row.text(8), row.number(9), row.number(10), row.text(11), row.count(12), row.count(13)};
}

Result<std::vector<AlertSilence>> all_of(Statement& statement) {
  std::vector<AlertSilence> silences;
  for (;;) {
    const auto row = statement.step();
    if (!row) return row.error();
    if (!*row) return silences;
    silences.push_back(silence_row(statement));
  }
}

}  // namespace

Result<Page<AlertSilence>> read_silences(Database& database, const Query& query) {
  const char* const state = query.state == "active"  ? "end_seq = 0 AND "
                            : query.state == "ended" ? "end_seq <> 0 AND "
                                                     : "";
  auto statement =
      database.prepare(std::string(columns) + "WHERE " + state + "(?1 = 0 OR id < ?1) ORDER BY id DESC LIMIT ?2");
  if (!statement) return statement.error();
  auto rows = all_of(statement->bind(1, query.before).bind(2, static_cast<std::int64_t>(query.limit + 1)));
  if (!rows) return rows.error();
  Page<AlertSilence> page;
  page.items = std::move(*rows);
  if (page.items.size() <= query.limit) return page;
  page.items.resize(query.limit);
  page.next = page.items.back().id;
  return page;
}

Result<std::vector<AlertSilence>> read_silences_over(Database& database, std::uint64_t first, std::uint64_t last) {
  auto statement = database.prepare(std::string(columns) + "WHERE begin_seq < ?2 AND (end_seq = 0 OR end_seq > ?1)");
  if (!statement) return statement.error();
  return all_of(statement->bind(1, first).bind(2, last));
}

Result<bool> read_silences_due(Database& database, WallNs now) {
  auto statement = database.prepare("SELECT 1 FROM alert_silences WHERE end_seq = 0 AND until <= ?1 LIMIT 1");
  if (!statement) return statement.error();
  return statement->bind(1, now).step();
}

/// Appends the ledger row that tells of it; returns its position. Its id is the silence's and what became of it, so
/// that each is told once.
Result<std::uint64_t> SqliteWriter::tell_of_silence(const AlertSilence& silence, const char* state, WallNs now) {
  wire::JsonObject json;
  json.number("id", silence.id).text("state", state);
  json.bytes_if("resource", silence.resource).bytes_if("node", silence.node).bytes_if("baseline", silence.baseline);
  json.bytes_if("max_severity", silence.max_severity).text("until", rfc3339(silence.until));
  json.bytes("reason", silence.reason).bytes("created_by", silence.created_by).bytes_if("by", silence.by);
  json.text("created_at", rfc3339(silence.created_at)).bytes_if("ended_by", silence.ended_by);
  json.text("at", rfc3339(now));
  const Node of_no_node;
  const auto appended =
      append_own(of_no_node, "alert_silence", "alert-silence-" + std::to_string(silence.id) + "-" + state,
                 wire::JsonObject().raw("alert_silence", json.str()).str(), now);
  if (!appended) return appended.error();
  return counts_.last_seq;
}

Result<std::optional<AlertSilence>> SqliteWriter::add_silence(AlertSilence silence) {
  const auto active = database_.number("SELECT count(*) FROM alert_silences WHERE end_seq = 0");
  if (!active) return active.error();
  if (static_cast<std::size_t>(*active) >= max_active_silences) return std::optional<AlertSilence>();
  auto add = database_.prepare(
      "INSERT INTO alert_silences (resource, node, baseline, max_severity, until, reason, created_by, claimed_by,"
      " created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
  if (!add) return add.error();
  const auto added = add->bind(1, silence.resource)
                         .bind(2, silence.node)
                         .bind(3, silence.baseline)
                         .bind(4, silence.max_severity)
                         .bind(5, silence.until)
                         .bind(6, silence.reason)
                         .bind(7, silence.created_by)
                         .bind(8, silence.by)
                         .bind(9, silence.created_at)
                         .run();
  if (!added) return added.error();
  silence.id = static_cast<std::uint64_t>(database_.last_row());
  const auto seq = tell_of_silence(silence, "created", silence.created_at);
  if (!seq) return seq.error();
  silence.begin_seq = *seq;
  auto begin = database_.prepare("UPDATE alert_silences SET begin_seq = ?2 WHERE id = ?1");
  if (!begin) return begin.error();
  const auto begun = begin->bind(1, silence.id).bind(2, silence.begin_seq).run();
  if (!begun) return begun.error();
  return std::optional(std::move(silence));
}

Result<AlertSilence> SqliteWriter::end(AlertSilence silence, const std::string& by, WallNs now) {
  silence.ended_at = now;
  silence.ended_by = by;
  const auto seq = tell_of_silence(silence, by == silence_expired ? "expired" : "ended", now);
  if (!seq) return seq.error();
  silence.end_seq = *seq;
  auto end = database_.prepare("UPDATE alert_silences SET ended_at = ?2, ended_by = ?3, end_seq = ?4 WHERE id = ?1");
  if (!end) return end.error();
  const auto ended = end->bind(1, silence.id).bind(2, now).bind(3, silence.ended_by).bind(4, silence.end_seq).run();
  if (!ended) return ended.error();
  return silence;
}

Result<std::optional<AlertSilence>> SqliteWriter::end_silence(std::uint64_t id, const std::string& by, WallNs now) {
  auto find = database_.prepare(std::string(columns) + "WHERE id = ?1");
  if (!find) return find.error();
  auto found = all_of(find->bind(1, id));
  if (!found) return found.error();
  if (found->empty()) return std::optional<AlertSilence>();
  if (found->front().end_seq != 0) return std::optional(std::move(found->front()));
  auto ended = end(std::move(found->front()), by, now);
  if (!ended) return ended.error();
  return std::optional(std::move(*ended));
}

Result<std::size_t> SqliteWriter::expire_silences(WallNs now) {
  auto find = database_.prepare(std::string(columns) + "WHERE end_seq = 0 AND until <= ?1");
  if (!find) return find.error();
  auto due = all_of(find->bind(1, now));
  if (!due) return due.error();
  for (AlertSilence& silence : *due)
    if (const auto ended = end(std::move(silence), silence_expired, now); !ended) return ended.error();
  return due->size();
}

}  // namespace plumbline::collector
