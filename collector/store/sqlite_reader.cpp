#include "collector/store/sqlite_reader.hpp"

#include "collector/store/sqlite_schema.hpp"

namespace plumbline::collector {
namespace {

constexpr std::size_t kept_connections = 4;
constexpr int steps_between_looks = 1000;  // of SQLite's machine: tens of microseconds

// How far ahead of the collector's an agent's clock may be before `since` misses its findings.
constexpr WallNs clock_skew = WallNs{3600} * 1'000'000'000;

constexpr const char* ledger_columns =
    "SELECT l.seq, coalesce(n.node_id, 'collector'), coalesce(n.node, 'collector'), l.sequence, l.type, l.id, l.at, "
    "l.received_at, l.resource, l.verdict,"
    " l.comparison, l.severity, l.drift_id, l.drift_state, b.body FROM ledger l JOIN bodies b ON b.seq = l.seq"
    " LEFT JOIN nodes n ON n.ref = l.node_ref ";
constexpr const char* drift_columns =
    "SELECT d.id, d.seq, n.node_id, n.node, d.resource, d.state, d.comparison, d.updated_at, b.body"
    " FROM drifts d JOIN nodes n ON n.ref = d.node_ref JOIN bodies b ON b.seq = d.seq ";
constexpr const char* letter_columns =
    "SELECT id, origin, seq, node_id, sequence, record_id, why, at, replaying, body FROM dead_letters ";

LedgerRecord ledger_row(const Statement& row) {
  return {
      row.count(0), row.text(1), row.text(2),  row.count(3), row.text(4),  row.text(5),  row.number(6), row.number(7),
      row.text(8),  row.text(9), row.text(10), row.text(11), row.text(12), row.text(13), row.text(14),  0};
}
DriftRow drift_row(const Statement& row) {
  return {row.text(0), row.count(1), row.text(2),   row.text(3), row.text(4),
          row.text(5), row.text(6),  row.number(7), row.text(8)};
}
DeadLetter letter_row(const Statement& row) {
  return {row.count(0), row.text(1), row.count(2),  row.text(3),        row.count(4),
          row.text(5),  row.text(6), row.number(7), row.number(8) != 0, row.text(9)};
}

/// '*' stands for any run; everything else, GLOB's own '?' and '[' too, for itself.
std::string glob_of(const std::string& pattern) {
  std::string glob;
  for (const char c : pattern) {
    if (c == '?' || c == '[') {
      glob += '[';
      glob += c;
      glob += ']';
    } else {
      glob += c;
    }
  }
  return glob;
}

/// A WHERE clause with its values, in order.
class Where {
 public:
  void add(const std::string& condition, const std::string& text) {
    begin(condition);
    values_.push_back({text, 0, true});
  }
  void add(const std::string& condition, std::int64_t number) {
    begin(condition);
    values_.push_back({"", number, false});
  }
  void add_resource(const char* column, const std::string& resource) {
    if (resource.empty()) return;
    if (resource.find('*') == std::string::npos)
      add(std::string(column) + " = ?", resource);
    else
      add(std::string(column) + " GLOB ?", glob_of(resource));
  }
  void add_node(const std::string& node) {
    if (node.empty()) return;
    add("(n.node = ?", node);
    values_.push_back({node, 0, true});
    sql_ += " OR n.node_id = ?)";
  }
  const std::string& sql() const { return sql_; }
  int bind(Statement& statement) const {
    int index = 0;
    for (const Value& value : values_) {
      if (value.is_text)
        statement.bind(++index, std::string_view(value.text));
      else
        statement.bind(++index, value.number);
    }
    return index;
  }

 private:
  struct Value {
    std::string text;
    std::int64_t number;
    bool is_text;
  };
  void begin(const std::string& condition) { sql_ += (sql_.empty() ? "WHERE " : " AND ") + condition; }
  std::string sql_;
  std::vector<Value> values_;
};

/// The first row received at `since` or later, by bisection: rows are in the order in which they were received. (A
/// clock of the collector that was set back only makes it an earlier one, or costs a scan.)
Result<std::int64_t> first_received(Database& database, WallNs since) {
  auto last = database.number("SELECT max(seq) FROM ledger");
  if (!last) return last.error();
  auto row = database.prepare("SELECT seq, received_at FROM ledger WHERE seq >= ?1 ORDER BY seq LIMIT 1");
  if (!row) return row.error();
  std::int64_t low = 1;
  std::int64_t high = *last + 1;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    const auto found = row->bind(1, middle).step();
    if (!found) return found.error();
    if (!*found || row->number(1) >= since)
      high = middle;
    else
      low = row->number(0) + 1;
    row->reset();
  }
  return low;
}

/// Runs a query for one row more than the page holds, to know whether there is another page.
template <class T, class Read, class Position>
Result<Page<T>> page(Database& database, const std::string& select, const Where& where, const std::string& order,
                     std::size_t limit, Read read, Position position) {
  auto statement = database.prepare(select + where.sql() + order + " LIMIT ?");
  if (!statement) return statement.error();
  const int bound = where.bind(*statement);
  statement->bind(bound + 1, static_cast<std::int64_t>(limit + 1));
  Page<T> result;
  for (;;) {
    const auto row = statement->step();
    if (!row) return row.error();
    if (!*row) return result;
    if (result.items.size() == limit) {
      result.next = position(result.items.back());
      return result;
    }
    result.items.push_back(read(*statement));
  }
}

}  // namespace

SqliteReader::Lease::~Lease() {
  if (!connection_) return;
  const std::lock_guard lock(owner_->mutex_);
  if (owner_->idle_.size() < kept_connections) owner_->idle_.push_back(std::move(connection_));
}

Result<SqliteReader::Lease> SqliteReader::borrow(std::chrono::steady_clock::time_point ends) const {
  std::unique_ptr<Connection> connection;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!connection) {
    auto opened = open_for_reading(path_);
    if (!opened) return opened.error();
    connection = std::make_unique<Connection>(Connection{std::move(*opened), {}, cut_});
    sqlite3_progress_handler(
        connection->database.handle(), steps_between_looks,
        [](void* self) {
          const auto& its = *static_cast<const Connection*>(self);
          if (std::chrono::steady_clock::now() < its.ends) return 0;
          ++its.cut;
          return 1;
        },
        connection.get());
  }
  connection->ends = ends;
  return Lease(*this, std::move(connection));
}

Result<SqliteReader::Lease> SqliteReader::borrow_for_a_query() const {
  return borrow(std::chrono::steady_clock::now() + query_limit_);
}

Result<std::vector<LedgerRecord>> SqliteReader::ledger_after(std::uint64_t seq, std::size_t limit,
                                                             std::size_t max_bytes) const {
  auto database = borrow();
  if (!database) return database.error();
  auto statement = (*database)->prepare(std::string(ledger_columns) + "WHERE l.seq > ?1 ORDER BY l.seq LIMIT ?2");
  if (!statement) return statement.error();
  statement->bind(1, seq).bind(2, static_cast<std::int64_t>(limit));
  std::vector<LedgerRecord> records;
  std::size_t bytes = 0;
  while (bytes < max_bytes) {
    const auto row = statement->step();
    if (!row) return row.error();
    if (!*row) break;
    records.push_back(ledger_row(*statement));
    bytes += records.back().body.size();
  }
  return records;
}

Result<Page<LedgerRecord>> SqliteReader::findings(const Query& query) const {
  auto database = borrow_for_a_query();
  if (!database) return database.error();
  Where where;
  where.add("l.type = ?", std::string("finding"));
  where.add_resource("l.resource", query.resource);
  where.add_node(query.node);
  if (query.since != 0) {
    where.add("l.at >= ?", query.since);
    const auto from = first_received(**database, query.since - clock_skew);
    if (!from) return from.error();
    where.add("l.seq >= ?", *from);
  }
  if (query.before != 0) where.add("l.seq < ?", static_cast<std::int64_t>(query.before));
  return page<LedgerRecord>(**database, ledger_columns, where, " ORDER BY l.seq DESC", query.limit, ledger_row,
                            [](const LedgerRecord& last) { return last.seq; });
}

Result<Page<DriftRow>> SqliteReader::drifts(const Query& query) const {
  auto database = borrow_for_a_query();
  if (!database) return database.error();
  Where where;
  if (!query.id.empty()) where.add("d.id = ?", query.id);
  if (!query.state.empty()) where.add("d.state = ?", query.state);
  where.add_resource("d.resource", query.resource);
  where.add_node(query.node);
  if (query.since != 0) where.add("d.updated_at >= ?", query.since);
  if (query.before != 0) where.add("d.seq < ?", static_cast<std::int64_t>(query.before));
  return page<DriftRow>(**database, drift_columns, where, " ORDER BY d.seq DESC", query.limit, drift_row,
                        [](const DriftRow& last) { return last.seq; });
}

Result<Page<DriftRow>> SqliteReader::resources(const Query& query) const {
  auto database = borrow_for_a_query();
  if (!database) return database.error();
  Where where;
  where.add_resource("d.resource", query.resource);
  where.add_node(query.node);
  if (query.before != 0) where.add("d.seq < ?", static_cast<std::int64_t>(query.before));
  where.add(
      "NOT EXISTS (SELECT 1 FROM drifts o WHERE o.resource = d.resource AND o.node_ref = d.node_ref"
      " AND o.seq > d.seq) AND n.forgotten_at = 0 AND 1 = ?",
      std::int64_t{1});
  return page<DriftRow>(**database, drift_columns, where, " ORDER BY d.seq DESC", query.limit, drift_row,
                        [](const DriftRow& last) { return last.seq; });
}

Result<std::vector<NodeRow>> SqliteReader::nodes() const {
  auto database = borrow_for_a_query();
  if (!database) return database.error();
  auto statement = (*database)->prepare(
      "SELECT node_id, node, labels, boot_id, agent_version, health, first_seen, last_seen, first_sequence,"
      " accepted_through, oldest_unsent, epoch, sequence_gaps, missing, silent_since, coalesce(o.open, 0), gap_since, "
      "conflict_since FROM nodes"
      " LEFT JOIN (SELECT node_ref, count(*) AS open FROM drifts WHERE state = 'open' GROUP BY node_ref) o"
      " ON o.node_ref = ref WHERE forgotten_at = 0 ORDER BY node, node_id");
  if (!statement) return statement.error();
  std::vector<NodeRow> nodes;
  for (;;) {
    const auto row = statement->step();
    if (!row) return row.error();
    if (!*row) return nodes;
    const Statement& s = *statement;
    nodes.push_back({s.text(0), s.text(1), s.text(2), s.text(3), s.text(4), s.text(5), s.number(6), s.number(7),
                     s.count(8), s.count(9), s.count(10), s.count(11), s.count(12), s.count(13), s.number(14),
                     s.count(15), s.number(16), s.number(17)});
  }
}

Result<std::optional<std::string>> SqliteReader::node_name(const std::string& node_id) const {
  auto database = borrow();
  if (!database) return database.error();
  auto statement = (*database)->prepare("SELECT node FROM nodes WHERE node_id = ?1");
  if (!statement) return statement.error();
  const auto row = statement->bind(1, node_id).step();
  if (!row) return row.error();
  if (!*row) return std::optional<std::string>();
  return std::optional(statement->text(0));
}

Result<void> SqliteReader::each_open_drift(const std::string& resource, const std::string& baseline,
                                           const std::function<void(const OpenDrift&)>& visit) const {
  auto database = borrow();
  if (!database) return database.error();
  auto statement = (*database)->prepare(
      "SELECT d.seq, n.node_id, n.node, d.severity, d.live FROM drifts d JOIN nodes n ON n.ref = d.node_ref"
      " WHERE d.state IN ('open', 'contested') AND d.resource = ?1 AND d.baseline = ?2");
  if (!statement) return statement.error();
  statement->bind(1, resource).bind(2, baseline);
  for (;;) {
    const auto row = statement->step();
    if (!row) return row.error();
    if (!*row) return {};
    visit({statement->count(0), statement->text(1), statement->text(2), statement->text(3), statement->number(4)});
  }
}

Result<std::vector<DriftRow>> SqliteReader::open_drifts_between(std::uint64_t after, std::uint64_t before,
                                                                std::size_t limit) const {
  auto database = borrow();
  if (!database) return database.error();
  Where where;
  where.add("d.seq > ?", static_cast<std::int64_t>(after));
  where.add("d.seq < ? AND d.state IN ('open', 'contested')", static_cast<std::int64_t>(before));
  auto found = page<DriftRow>(**database, drift_columns, where, " ORDER BY d.seq", limit, drift_row,
                              [](const DriftRow& last) { return last.seq; });
  if (!found) return found.error();
  return std::move(found->items);
}

Result<std::optional<std::uint64_t>> SqliteReader::sink_cursor(const std::string& sink) const {
  auto database = borrow();
  if (!database) return database.error();
  auto statement = (*database)->prepare("SELECT cursor FROM sinks WHERE name = ?1");
  if (!statement) return statement.error();
  const auto row = statement->bind(1, sink).step();
  if (!row) return row.error();
  if (!*row) return std::optional<std::uint64_t>();
  return std::optional<std::uint64_t>(statement->count(0));
}

Result<Page<DeadLetter>> SqliteReader::dead_letters(const Query& query) const {
  auto database = borrow_for_a_query();
  if (!database) return database.error();
  Where where;
  if (!query.origin.empty()) where.add("origin = ?", query.origin);
  if (query.before != 0) where.add("id < ?", static_cast<std::int64_t>(query.before));
  return page<DeadLetter>(**database, letter_columns, where, " ORDER BY id DESC", query.limit, letter_row,
                          [](const DeadLetter& last) { return last.id; });
}

Result<std::uint64_t> SqliteReader::count_dead_letters(const std::string& origin) const {
  auto database = borrow_for_a_query();
  if (!database) return database.error();
  auto statement = (*database)->prepare("SELECT count(*) FROM dead_letters WHERE origin = ?1");
  if (!statement) return statement.error();
  const auto row = statement->bind(1, origin).step();
  if (!row) return row.error();
  return statement->count(0);
}

Result<std::vector<DeadLetter>> SqliteReader::replays(const std::string& origin, std::size_t limit) const {
  auto database = borrow();
  if (!database) return database.error();
  Where where;
  where.add("origin = ?", origin);
  where.add("replaying = ?", std::int64_t{1});
  auto found = page<DeadLetter>(**database, letter_columns, where, " ORDER BY id", limit, letter_row,
                                [](const DeadLetter& last) { return last.id; });
  if (!found) return found.error();
  return std::move(found->items);
}

Result<std::uint64_t> SqliteReader::last_seq() const {
  auto database = borrow();
  if (!database) return database.error();
  const auto last = (*database)->number("SELECT coalesce(max(seq), 0) FROM ledger");
  if (!last) return last.error();
  return static_cast<std::uint64_t>(*last);
}

}  // namespace plumbline::collector
