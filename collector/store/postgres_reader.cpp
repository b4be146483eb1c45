#include "collector/store/postgres_reader.hpp"

#include <algorithm>

namespace plumbline::collector {
namespace {

// How far ahead of the collector's an agent's clock may be before `since` misses its findings.
constexpr WallNs clock_skew = WallNs{3600} * 1'000'000'000;

std::string ledger_columns_of(const std::string& rows) {
  return "SELECT l.seq, coalesce(n.node_id, 'collector'), coalesce(n.node, 'collector'), l.sequence, l.type, l.id, "
         "l.at,"
         " l.received_at, l.resource, l.verdict, l.comparison, l.severity, l.drift_id, l.drift_state, l.body FROM " +
         rows + " l LEFT JOIN nodes n ON n.ref = l.node_ref ";
}
constexpr const char* drift_columns =
    "SELECT d.id, d.seq, n.node_id, n.node, d.resource, d.state, d.comparison, d.updated_at, l.body"
    " FROM drifts d JOIN nodes n ON n.ref = d.node_ref JOIN ledger l ON l.seq = d.seq ";
constexpr const char* letter_columns =
    "SELECT id, origin, seq, node_id, sequence, record_id, why, at, replaying, body FROM dead_letters ";

LedgerRecord ledger_row(const PgRows& rows, int i) {
  return {rows.count(i, 0), rows.text(i, 1),  rows.text(i, 2),   rows.count(i, 3),
          rows.text(i, 4),  rows.text(i, 5),  rows.number(i, 6), rows.number(i, 7),
          rows.text(i, 8),  rows.text(i, 9),  rows.text(i, 10),  rows.text(i, 11),
          rows.text(i, 12), rows.text(i, 13), rows.text(i, 14),  0};
}
DriftRow drift_row(const PgRows& rows, int i) {
  return {rows.text(i, 0), rows.count(i, 1), rows.text(i, 2),   rows.text(i, 3), rows.text(i, 4),
          rows.text(i, 5), rows.text(i, 6),  rows.number(i, 7), rows.text(i, 8)};
}
DeadLetter letter_row(const PgRows& rows, int i) {
  return {rows.count(i, 0), rows.text(i, 1), rows.count(i, 2),  rows.text(i, 3),        rows.count(i, 4),
          rows.text(i, 5),  rows.text(i, 6), rows.number(i, 7), rows.number(i, 8) != 0, rows.text(i, 9)};
}

/// '*' stands for any run; everything else, LIKE's own '%', '_' and '\' too, for itself.
std::string like_of(const std::string& pattern) {
  std::string like;
  for (const char c : pattern) {
    if (c == '%' || c == '_' || c == '\\') like += '\\';
    like += c == '*' ? '%' : c;
  }
  return like;
}

/// A WHERE clause with its values; '?' stands for the one that is added.
class Where {
 public:
  template <class T>
  void add(const std::string& condition, const T& value) {
    params_.add(value);
    sql_ += sql_.empty() ? "WHERE " : " AND ";
    for (const char c : condition) sql_ += c == '?' ? number() : std::string(1, c);
  }
  void add_resource(const char* column, const std::string& resource) {
    if (resource.empty()) return;
    if (resource.find('*') == std::string::npos)
      add(std::string(column) + " = ?", resource);
    else
      add(std::string(column) + " LIKE ?", like_of(resource));
  }
  void add_node(const std::string& node) {
    if (!node.empty()) add("(n.node = ? OR n.node_id = ?)", node);
  }
  /// "WHERE … ORDER … LIMIT", and the values.
  std::pair<std::string, PgParams> with(const std::string& order, std::size_t limit) {
    params_.add(static_cast<std::int64_t>(limit));
    return {sql_ + order + " LIMIT " + number(), std::move(params_)};
  }

 private:
  std::string number() const { return "$" + std::to_string(params_.size()); }
  std::string sql_;
  PgParams params_;
};

/// The first row received at `since` or later, by bisection: rows are in the order in which they were received. (A
/// clock of a collector that is behind the others' only makes it an earlier one, or costs a scan.)
Result<std::int64_t> first_received(PgConnection& connection, WallNs since) {
  const auto found = connection.run(
      "WITH RECURSIVE look (low, high) AS (SELECT 1::bigint, seq + 1 FROM ledger_end UNION ALL"
      " SELECT CASE WHEN r.received_at < $1 THEN r.seq + 1 ELSE low END,"
      " CASE WHEN r.received_at < $1 THEN high ELSE low + (high - low) / 2 END FROM look LEFT JOIN LATERAL"
      " (SELECT seq, received_at FROM ledger WHERE seq >= low + (high - low) / 2 ORDER BY seq LIMIT 1) r ON true"
      " WHERE low < high) SELECT low FROM look WHERE low >= high LIMIT 1",
      PgParams().add(since));
  if (!found) return found.error();
  return found->empty() ? 1 : found->number(0, 0);
}

/// Asks for one row more than the page holds, to know whether there is another page.
template <class T, class Read, class Position>
Result<Page<T>> page(PgConnection& connection, const std::string& select, Where where, const std::string& order,
                     std::size_t limit, Read read, Position position) {
  const auto [sql, params] = where.with(order, limit + 1);
  const auto rows = connection.run(select + sql, params);
  if (!rows) return rows.error();
  Page<T> result;
  for (int i = 0; i < std::min(rows->size(), static_cast<int>(limit)); ++i) result.items.push_back(read(*rows, i));
  if (rows->size() > static_cast<int>(limit)) result.next = position(result.items.back());
  return result;
}

template <class T>
Result<std::vector<T>> items_of(Result<Page<T>> page) {
  if (!page) return page.error();
  return std::move(page->items);
}

std::uint64_t seq_of(const LedgerRecord& row) {
  return row.seq;
}
std::uint64_t seq_of(const DriftRow& row) {
  return row.seq;
}
std::uint64_t seq_of(const DeadLetter& row) {
  return row.id;
}
constexpr auto position = [](const auto& row) { return seq_of(row); };

}  // namespace

Result<std::vector<LedgerRecord>> PostgresReader::ledger_after(std::uint64_t seq, std::size_t limit,
                                                               std::size_t max_bytes) const {
  return pool_.run([&](PgConnection& connection) -> Result<std::vector<LedgerRecord>> {
    // The server leaves out what is beyond the bytes: records may be a mebibyte each.
    const auto rows = connection.run(
        ledger_columns_of("(SELECT piece.*, sum(octet_length(body)) OVER (ORDER BY seq) - octet_length(body) AS ahead"
                          " FROM (SELECT * FROM ledger WHERE seq > $1 ORDER BY seq LIMIT $2) piece)") +
            "WHERE l.ahead < $3 ORDER BY l.seq",
        PgParams().add(seq).add(static_cast<std::int64_t>(limit)).add(static_cast<std::int64_t>(max_bytes)));
    if (!rows) return rows.error();
    std::vector<LedgerRecord> records;
    for (int i = 0; i < rows->size(); ++i) records.push_back(ledger_row(*rows, i));
    return records;
  });
}

Result<Page<LedgerRecord>> PostgresReader::findings(const Query& asked) const {
  return pool_.query([&](PgConnection& connection) -> Result<Page<LedgerRecord>> {
    Where where;
    where.add("l.type = ?", std::string("finding"));
    where.add_resource("l.resource", asked.resource);
    where.add_node(asked.node);
    if (asked.since != 0) {
      where.add("l.at >= ?", asked.since);
      const auto from = first_received(connection, asked.since - clock_skew);
      if (!from) return from.error();
      where.add("l.seq >= ?", *from);
    }
    if (asked.before != 0) where.add("l.seq < ?", asked.before);
    return page<LedgerRecord>(connection, ledger_columns_of("ledger"), std::move(where), " ORDER BY l.seq DESC",
                              asked.limit, ledger_row, position);
  });
}

Result<Page<DriftRow>> PostgresReader::drifts(const Query& asked) const {
  return pool_.query([&](PgConnection& connection) {
    Where where;
    if (!asked.id.empty()) where.add("d.id = ?", asked.id);
    if (!asked.state.empty()) where.add("d.state = ?", asked.state);
    where.add_resource("d.resource", asked.resource);
    where.add_node(asked.node);
    if (asked.since != 0) where.add("d.updated_at >= ?", asked.since);
    if (asked.before != 0) where.add("d.seq < ?", asked.before);
    return page<DriftRow>(connection, drift_columns, std::move(where), " ORDER BY d.seq DESC", asked.limit, drift_row,
                          position);
  });
}

Result<Page<DriftRow>> PostgresReader::resources(const Query& asked) const {
  return pool_.query([&](PgConnection& connection) {
    Where where;
    where.add_resource("d.resource", asked.resource);
    where.add_node(asked.node);
    if (asked.before != 0) where.add("d.seq < ?", asked.before);
    where.add(
        "NOT EXISTS (SELECT 1 FROM drifts o WHERE o.resource = d.resource AND o.node_ref = d.node_ref"
        " AND o.seq > d.seq) AND n.forgotten_at = 0 AND 1 = ?",
        std::int64_t{1});
    return page<DriftRow>(connection, drift_columns, std::move(where), " ORDER BY d.seq DESC", asked.limit, drift_row,
                          position);
  });
}

Result<std::vector<NodeRow>> PostgresReader::nodes() const {
  return pool_.query([&](PgConnection& connection) -> Result<std::vector<NodeRow>> {
    const auto rows = connection.run(
        "SELECT node_id, node, labels, boot_id, agent_version, health, first_seen, last_seen, first_sequence,"
        " accepted_through, oldest_unsent, epoch, sequence_gaps, missing, silent_since, coalesce(o.open, 0), "
        "gap_since, conflict_since FROM nodes"
        " LEFT JOIN (SELECT node_ref, count(*) AS open FROM drifts WHERE state = 'open' GROUP BY node_ref) o"
        " ON o.node_ref = ref WHERE forgotten_at = 0 ORDER BY node, node_id");
    if (!rows) return rows.error();
    std::vector<NodeRow> nodes;
    for (int i = 0; i < rows->size(); ++i)
      nodes.push_back({rows->text(i, 0), rows->text(i, 1), rows->text(i, 2), rows->text(i, 3), rows->text(i, 4),
                       rows->text(i, 5), rows->number(i, 6), rows->number(i, 7), rows->count(i, 8), rows->count(i, 9),
                       rows->count(i, 10), rows->count(i, 11), rows->count(i, 12), rows->count(i, 13),
                       rows->number(i, 14), rows->count(i, 15), rows->number(i, 16), rows->number(i, 17)});
    return nodes;
  });
}

Result<std::optional<std::string>> PostgresReader::node_name(const std::string& node_id) const {
  return pool_.run([&](PgConnection& connection) -> Result<std::optional<std::string>> {
    const auto rows = connection.run("SELECT node FROM nodes WHERE node_id = $1", PgParams().add(node_id));
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<std::string>();
    return std::optional(rows->text(0, 0));
  });
}

Result<void> PostgresReader::each_open_drift(const std::string& resource, const std::string& baseline,
                                             const std::function<void(const OpenDrift&)>& visit) const {
  return pool_.run([&](PgConnection& connection) -> Result<void> {
    const auto rows = connection.run(
        "SELECT d.seq, n.node_id, n.node, d.severity, d.live FROM drifts d JOIN nodes n ON n.ref = d.node_ref"
        " WHERE d.state IN ('open', 'contested') AND d.resource = $1 AND d.baseline = $2",
        PgParams().add(resource).add(baseline));
    if (!rows) return rows.error();
    for (int i = 0; i < rows->size(); ++i)
      visit({rows->count(i, 0), rows->text(i, 1), rows->text(i, 2), rows->text(i, 3), rows->number(i, 4)});
    return {};
  });
}

Result<std::vector<DriftRow>> PostgresReader::open_drifts_between(std::uint64_t after, std::uint64_t before,
                                                                  std::size_t limit) const {
  return pool_.run([&](PgConnection& connection) {
    Where where;
    where.add("d.seq > ?", after);
    where.add("d.seq < ? AND d.state IN ('open', 'contested')", before);
    return items_of(
        page<DriftRow>(connection, drift_columns, std::move(where), " ORDER BY d.seq", limit, drift_row, position));
  });
}

Result<std::optional<std::uint64_t>> PostgresReader::sink_cursor(const std::string& sink) const {
  return pool_.run([&](PgConnection& connection) -> Result<std::optional<std::uint64_t>> {
    const auto rows = connection.run("SELECT cursor FROM sinks WHERE name = $1", PgParams().add(sink));
    if (!rows) return rows.error();
    if (rows->empty() || rows->is_null(0, 0)) return std::optional<std::uint64_t>();
    return std::optional<std::uint64_t>(rows->count(0, 0));
  });
}

Result<Page<DeadLetter>> PostgresReader::dead_letters(const Query& asked) const {
  return pool_.query([&](PgConnection& connection) {
    Where where;
    if (!asked.origin.empty()) where.add("origin = ?", asked.origin);
    if (asked.before != 0) where.add("id < ?", asked.before);
    return page<DeadLetter>(connection, letter_columns, std::move(where), " ORDER BY id DESC", asked.limit, letter_row,
                            position);
  });
}

Result<std::uint64_t> PostgresReader::count_dead_letters(const std::string& origin) const {
  return pool_.query([&](PgConnection& connection) -> Result<std::uint64_t> {
    const auto rows = connection.run("SELECT count(*) FROM dead_letters WHERE origin = $1", PgParams().add(origin));
    if (!rows) return rows.error();
    return rows->count(0, 0);
  });
}

Result<std::vector<DeadLetter>> PostgresReader::replays(const std::string& origin, std::size_t limit) const {
  return pool_.run([&](PgConnection& connection) {
    Where where;
    where.add("origin = ?", origin);
    where.add("replaying = ?", std::int64_t{1});
    return items_of(
        page<DeadLetter>(connection, letter_columns, std::move(where), " ORDER BY id", limit, letter_row, position));
  });
}

Result<std::uint64_t> PostgresReader::last_seq() const {
  return pool_.run([&](PgConnection& connection) -> Result<std::uint64_t> {
    const auto rows = connection.run("SELECT seq FROM ledger_end");
    if (!rows) return rows.error();
    return rows->empty() ? 0 : rows->count(0, 0);
  });
}

}  // namespace plumbline::collector
