#include "collector/store/sqlite_silences.hpp"

#include "collector/store/sqlite_writer.hpp"

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

Result<std::size_t> SqliteWriter::count_active_silences() {
  const auto active = database_.number("SELECT count(*) FROM alert_silences WHERE end_seq = 0");
  if (!active) return active.error();
  return static_cast<std::size_t>(*active);
}

Result<std::uint64_t> SqliteWriter::insert_silence(const AlertSilence& silence) {
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
  return static_cast<std::uint64_t>(database_.last_row());
}

Result<void> SqliteWriter::set_silence_begin(std::uint64_t id, std::uint64_t seq) {
  auto begin = database_.prepare("UPDATE alert_silences SET begin_seq = ?2 WHERE id = ?1");
  if (!begin) return begin.error();
  return begin->bind(1, id).bind(2, seq).run();
}

Result<void> SqliteWriter::set_silence_end(const AlertSilence& silence) {
  auto end = database_.prepare("UPDATE alert_silences SET ended_at = ?2, ended_by = ?3, end_seq = ?4 WHERE id = ?1");
  if (!end) return end.error();
  return end->bind(1, silence.id).bind(2, silence.ended_at).bind(3, silence.ended_by).bind(4, silence.end_seq).run();
}

Result<std::vector<AlertSilence>> SqliteWriter::find_silence(std::uint64_t id) {
  auto find = database_.prepare(std::string(columns) + "WHERE id = ?1");
  if (!find) return find.error();
  return all_of(find->bind(1, id));
}

Result<std::vector<AlertSilence>> SqliteWriter::find_due_silences(WallNs now) {
  auto find = database_.prepare(std::string(columns) + "WHERE end_seq = 0 AND until <= ?1");
  if (!find) return find.error();
  return all_of(find->bind(1, now));
}

}  // namespace plumbline::collector
