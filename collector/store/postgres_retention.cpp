// What is over its time leaves PostgreSQL by whole parts of the ledger: no row is touched, and the space is free at
// once.
#include "collector/store/postgres_schema.hpp"
#include "collector/store/postgres_writer.hpp"

namespace plumbline::collector {
namespace {

constexpr const char* has_not_ended = "NOT IN ('resolved', 'accepted')";

std::string name_of(std::int64_t part) {
  return "ledger_" + std::to_string(part);
}

}  // namespace

/// A part is an eighth of the retention, so that what is kept is an eighth too much at most.
Result<void> PostgresWriter::begin_part_if_due(std::int64_t began_at, std::int64_t now) {
  if (part_lasts_.count() == 0) return {};
  if (began_at == 0) return connection_->script("UPDATE ledger_end SET part_began_at = " + std::to_string(now));
  if (now - began_at < part_lasts_.count()) return {};
  const auto first = run("SELECT seq FROM " + name_of(part_) + " LIMIT 1");
  if (!first) return first.error();
  if (first->empty()) return {};
  const std::string time = std::to_string(now);
  auto begun =
      connection_->script("INSERT INTO ledger_parts (part, last_seq, ended_at) VALUES (" + std::to_string(part_) +
                          ", " + std::to_string(last_seq_) + ", " + time + ");" + sql_of_part(part_ + 1) +
                          "UPDATE ledger_end SET part = part + 1," + " part_began_at = " + time);
  if (begun) ++part_;
  return begun;
}

/// One part, the oldest. Others read the ledger meanwhile: where they hold the parts too long, this gives up and is
/// asked again later, since whoever comes behind a waiting lock waits, too.
Result<Expired> PostgresWriter::expire_ledger(WallNs before, const std::vector<std::string>& sinks) {
  if (auto locked = lock_ledger(); !locked) return locked.error();
  Expired expired;
  // What was kept for a drift that has ended since.
  const auto ended = run(
      std::string("DELETE FROM ledger_0 l WHERE NOT EXISTS (SELECT FROM drifts d WHERE d.seq = l.seq AND d.state ") +
      has_not_ended + ") AND NOT EXISTS (SELECT FROM dead_letters x WHERE x.seq = l.seq)");
  if (!ended) return ended.error();
  expired.rows = ended->changed();
  const auto due =
      run("SELECT part, last_seq FROM ledger_parts WHERE ended_at < $1 ORDER BY part LIMIT 2", PgParams().add(before));
  if (!due) return due.error();
  if (due->empty()) return expired;
  const std::int64_t part = due->number(0, 0), last = due->number(0, 1);
  const auto behind =
      run("SELECT name FROM unnest($1::text[]) AS asked (name) LEFT JOIN sinks USING (name)"
          " WHERE coalesce(cursor, 0) < $2 LIMIT 1",
          PgParams().add(sinks).add(last));
  if (!behind) return behind.error();
  if (!behind->empty()) {
    expired.held_by = behind->text(0, 0);
    return expired;
  }
  const std::string from = name_of(part) + " l";
  const auto range = run("SELECT coalesce(min(seq), 0) FROM " + name_of(part));
  if (!range) return range.error();
  const std::int64_t first = range->number(0, 0);
  const auto seqs = [&] { return PgParams().add(first).add(last); };
  const std::string columns =
      "seq, node_ref, sequence, type, id, at, received_at, resource, verdict, comparison, severity, drift_id,"
      " drift_state, digest, body";
  const auto kept = run("INSERT INTO ledger_0 (part, " + columns + ") SELECT 0, " + columns + " FROM " + from +
                            " WHERE seq IN (SELECT seq FROM drifts WHERE seq BETWEEN $1 AND $2 AND state " +
                            has_not_ended + " UNION SELECT seq FROM dead_letters WHERE seq BETWEEN $1 AND $2)",
                        seqs());
  if (!kept) return kept.error();
  // A drift that ended and is shown by a row that stays for a dead letter goes, too: its time is over.
  const auto gone =
      run(std::string("DELETE FROM drifts WHERE seq BETWEEN $1 AND $2 AND NOT state ") + has_not_ended, seqs());
  if (!gone) return gone.error();
  const auto count = run("SELECT count(*) FROM " + name_of(part));
  if (!count) return count.error();
  auto dropped = connection_->script("SET LOCAL lock_timeout = '500ms'; DROP TABLE " + name_of(part) +
                                     "; DELETE FROM ledger_parts WHERE part = " + std::to_string(part) +
                                     "; SET LOCAL lock_timeout = '15s'");
  if (!dropped) return dropped.error();
  expired.rows += count->count(0, 0) - kept->changed();
  expired.more = due->size() > 1;
  return expired;
}

}  // namespace plumbline::collector
