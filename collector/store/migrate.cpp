#include "collector/store/migrate.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <vector>

#include "collector/store/postgres_schema.hpp"
#include "collector/store/sqlite_schema.hpp"
#include "include/util/fd.hpp"

namespace plumbline::collector {
namespace {

constexpr std::size_t piece_bytes = std::size_t{4} << 20;

// Columns are called alike in both stores: '#' a number, '$' a text, '@' bytes.
struct Table {
  const char* name;
  const char* columns;
  const char* kinds;
};
constexpr Table tables[] = {
    {"nodes",
     "ref, node_id, node, labels, boot_id, agent_version, health, first_seen, last_seen, first_sequence,"
     " accepted_through, oldest_unsent, epoch, sequence_gaps, missing, silent_since, gap_since, conflict_since,"
     " forgotten_at, unsettled_at, unsettled_by, unsettled_reason",
     "#$$$$$$#############$$"},
    {"drifts", "id, node_ref, seq, epoch, sequence, resource, state, comparison, updated_at, baseline, severity, live",
     "$####$$$#$$#"},
    {"dead_letters", "id, origin, seq, node_id, sequence, record_id, why, at, replaying, digest, body", "#$#$#$$##@@"},
    {"alert_silences",
     "id, resource, node, baseline, max_severity, until, reason, created_by, claimed_by, created_at, ended_at, "
     "ended_by,"
     " begin_seq, end_seq",
     "#$$$$#$$$##$##"},
    {"sinks", "name, cursor", "$#"},
    {"enrolment_tokens", "digest, node, until, used_by", "$$#$"},
    {"revocations", "node, before, by, reason", "$#$$"},
};
constexpr const char* ledger_columns =
    "l.seq, 1, l.node_ref, l.sequence, l.type, l.id, l.at, l.received_at, l.resource, l.verdict, l.comparison,"
    " l.severity, l.drift_id, l.drift_state, b.digest, b.body";
constexpr const char* ledger_kinds = "####$$##$$$$$$@$";

void append(PgBytes& rows, const Statement& row, std::string_view kinds) {
  rows.begin_row(static_cast<std::int16_t>(kinds.size()));
  for (int i = 0; i < static_cast<int>(kinds.size()); ++i) {
    const char kind = kinds[static_cast<std::size_t>(i)];
    if (kind == '#') {
      rows.number(row.number(i));
    } else if (kind == '$') {
      rows.text(row.text(i));
    } else {
      const std::string bytes = row.text(i);
      rows.bytes(std::as_bytes(std::span(bytes)));
    }
  }
}

/// Whether no collector uses the file: then the lock is held until the end.
Result<bool> lock(const std::string& path, Fd& held) {
  held = Fd(::open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!held) return io_error("open the store's lock " + path + ".lock", errno, "run this as the collector's user");
  return ::flock(held.get(), LOCK_EX | LOCK_NB) == 0;
}

class Copy {
 public:
  Copy(Database& from, PgConnection& to) : from_(from), to_(to) {}

  /// Where this or an earlier run came to; makes the store one that is being filled.
  Result<void> begin(const std::string& path) {
    const auto end = to_.run("SELECT seq, importing FROM ledger_end FOR UPDATE");
    if (!end) return end.error();
    const auto nodes = to_.run("SELECT ref FROM nodes LIMIT 1");
    if (!nodes) return nodes.error();
    const std::string importing = end->text(0, 1);
    if (importing != path && (!importing.empty() || end->number(0, 0) != 0 || !nodes->empty()))
      return invalid(
          "take over " + path,
          importing.empty() ? "the store has a ledger of its own" : "the store is being filled from " + importing,
          "name an empty database or schema in store.postgres");
    done_.last_seq = end->count(0, 0);
    const auto marked = to_.run("UPDATE ledger_end SET importing = $1", PgParams().add(path));
    if (!marked) return marked.error();
    return {};
  }

  Result<void> ledger() {
    auto find = from_.prepare(std::string("SELECT ") + ledger_columns +
                              " FROM ledger l JOIN bodies b ON b.seq = l.seq WHERE l.seq > ?1 ORDER BY l.seq");
    if (!find) return find.error();
    find->bind(1, done_.last_seq);
    PgBytes rows;
    std::uint64_t last = done_.last_seq;
    for (;;) {
      const auto row = find->step();
      if (!row) return row.error();
      if (rows.size() >= piece_bytes || !*row) {
        if (auto put = piece(rows, last); !put) return put;
        rows.clear();
      }
      if (!*row) return {};
      append(rows, *find, ledger_kinds);
      const std::string body = find->text(15);
      done_.altered += postgres_text(body) != body ? 1 : 0;
      ++done_.rows;
      last = find->count(0);
    }
  }

  /// All but the ledger, and what makes the store whole. In one transaction.
  Result<void> rest() {
    for (const Table& table : tables) {
      auto find = from_.prepare(std::string("SELECT ") + table.columns + " FROM " + table.name +
                                (std::string_view(table.name) == "sinks" ? " WHERE name <> ''" : ""));
      if (!find) return find.error();
      PgBytes rows;
      for (;;) {
        const auto row = find->step();
        if (!row) return row.error();
        if (!*row || rows.size() >= piece_bytes) {
          auto put = to_.copy(std::string(table.name) + " (" + table.columns + ")", rows);
          if (!put) return put;
          rows.clear();
        }
        if (!*row) break;
        append(rows, *find, table.kinds);
      }
    }
    // Rows at the end may be gone from the file, and their positions must not come back.
    const auto used = from_.number("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'ledger'");
    if (!used) return used.error();
    std::string end = "UPDATE ledger_end SET importing = '', seq = greatest(seq, " + std::to_string(*used) + ");";
    for (const auto& [table, column] : {std::pair("nodes", "ref"), {"dead_letters", "id"}, {"alert_silences", "id"}})
      end += std::string("SELECT setval(pg_get_serial_sequence('") + table + "', '" + column + "'), greatest(max(" +
             column + "), 1), max(" + column + ") IS NOT NULL) FROM " + table + ";";
    // Letters that were sent again are gone, and their numbers must not come back either.
    const auto letters = from_.number("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'dead_letters'");
    if (!letters) return letters.error();
    if (*letters > 0)
      end += "SELECT setval(pg_get_serial_sequence('dead_letters', 'id'), " + std::to_string(*letters) + ");";
    return to_.script(end);
  }

  Migration done() const { return done_; }

 private:
  Result<void> piece(const PgBytes& rows, std::uint64_t last) {
    if (rows.size() == 0) return {};
    if (auto begun = to_.script("BEGIN"); !begun) return begun;
    if (auto put = to_.copy("ledger_1", rows); !put) return put;
    auto ended = to_.script("UPDATE ledger_end SET seq = " + std::to_string(last) + "; COMMIT");
    if (ended) done_.last_seq = last;
    return ended;
  }

  Database& from_;
  PgConnection& to_;
  Migration done_;
};

}  // namespace

Result<Migration> migrate(const std::string& path, const PostgresTarget& target) {
  Fd held;
  const auto free = lock(path, held);
  if (!free) return free.error();
  if (*free)  // what an older collector wrote is brought up to date first
    if (const auto opened = open_for_writing(path); !opened) return opened.error();
  auto from = open_for_reading(path);
  if (!from) return from.error();
  auto to = PgConnection::open(target);
  if (!to) return to.error();
  if (auto made = bring_up_to_date(*to); !made) return made.error();
  Copy copy(*from, *to);
  if (auto begun = copy.begin(path); !begun) return begun.error();
  if (auto copied = copy.ledger(); !copied) return copied.error();
  Migration done = copy.done();
  if (!*free) return done;
  if (auto begun = to->script("BEGIN"); !begun) return begun.error();
  if (auto copied = copy.rest(); !copied) return copied.error();
  if (auto ended = to->script("COMMIT"); !ended) return ended.error();
  done.whole = true;
  return done;
}

}  // namespace plumbline::collector
