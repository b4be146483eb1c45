#include "collector/store/sqlite_schema.hpp"

#include <array>

namespace plumbline::collector {
namespace {

// Each entry takes a file from the version of its index to the next one, in one transaction.
constexpr std::array<const char*, 6> migrations = {R"sql(
  CREATE TABLE nodes (
    ref INTEGER PRIMARY KEY,
    node_id TEXT NOT NULL UNIQUE,
    node TEXT NOT NULL,
    labels TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    agent_version TEXT NOT NULL,
    health TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    first_sequence INTEGER NOT NULL,
    accepted_through INTEGER NOT NULL,
    oldest_unsent INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    sequence_gaps INTEGER NOT NULL,
    missing INTEGER NOT NULL,
    silent_since INTEGER NOT NULL);

  -- AUTOINCREMENT: cursors point into it, so a position must not come back after a row was removed.
  CREATE TABLE ledger (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    node_ref INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    type TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    resource TEXT NOT NULL,
    verdict TEXT NOT NULL,
    comparison TEXT NOT NULL,
    severity TEXT NOT NULL,
    drift_id TEXT NOT NULL,
    drift_state TEXT NOT NULL);
  -- No index by resource or time: every batch would dirty hundreds of their pages, which cost more than its records.
  -- Such questions scan the ledger newest first, which is why it is narrow and bodies are apart.
  CREATE INDEX ledger_by_node ON ledger (node_ref);
  CREATE TABLE bodies (seq INTEGER PRIMARY KEY, digest BLOB NOT NULL, body TEXT NOT NULL);

  -- The state as of ledger row `seq`, whose body holds it; so a drift costs no second copy of its JSON. An id is its
  -- node's own: no node can overwrite another's.
  CREATE TABLE drifts (
    id TEXT NOT NULL,
    node_ref INTEGER NOT NULL,
    seq INTEGER NOT NULL UNIQUE,
    epoch INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    resource TEXT NOT NULL,
    state TEXT NOT NULL,
    comparison TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (id, node_ref)) WITHOUT ROWID;
  CREATE INDEX drifts_by_state ON drifts (state, seq);
  CREATE INDEX drifts_by_resource ON drifts (resource, seq);

  CREATE TABLE sinks (name TEXT PRIMARY KEY, cursor INTEGER NOT NULL) WITHOUT ROWID;

  CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    origin TEXT NOT NULL,
    seq INTEGER NOT NULL,
    node_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    record_id TEXT NOT NULL,
    why TEXT NOT NULL,
    at INTEGER NOT NULL,
    replaying INTEGER NOT NULL,
    digest BLOB NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (origin, node_id, record_id, seq, digest));
)sql",
                                                   R"sql(
  -- An id is its node's own. It was the whole ledger's, so that a node could use up the ids of another's next findings.
  -- SQLite cannot drop a column's UNIQUE, so the table is made anew, with the positions that cursors point to.
  CREATE TABLE ledger_2 (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    node_ref INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    type TEXT NOT NULL,
    id TEXT NOT NULL,
    at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    resource TEXT NOT NULL,
    verdict TEXT NOT NULL,
    comparison TEXT NOT NULL,
    severity TEXT NOT NULL,
    drift_id TEXT NOT NULL,
    drift_state TEXT NOT NULL,
    UNIQUE (node_ref, id));
  INSERT INTO ledger_2 SELECT seq, node_ref, sequence, type, id, at, received_at, resource, verdict, comparison,
    severity, drift_id, drift_state FROM ledger ORDER BY seq;
  UPDATE sqlite_sequence SET seq = coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'ledger'), 0)
    WHERE name = 'ledger_2';
  DROP TABLE ledger;
  ALTER TABLE ledger_2 RENAME TO ledger;
  CREATE INDEX ledger_by_node ON ledger (node_ref);
)sql",
                                                   R"sql(
  -- The same change on many nodes: what is open of a resource of a baseline, and how many different live states that is
  -- (`live`: a hash of them; 0 = of before this version).
  ALTER TABLE drifts ADD COLUMN baseline TEXT NOT NULL DEFAULT '';
  ALTER TABLE drifts ADD COLUMN severity TEXT NOT NULL DEFAULT '';
  ALTER TABLE drifts ADD COLUMN live INTEGER NOT NULL DEFAULT 0;
  UPDATE drifts SET (baseline, severity) = (SELECT coalesce(json_extract(body, '$.drift.baseline'), ''),
    coalesce(json_extract(body, '$.drift.severity'), '') FROM bodies WHERE bodies.seq = drifts.seq)
    WHERE EXISTS (SELECT 1 FROM bodies WHERE bodies.seq = drifts.seq AND json_valid(body));
  CREATE INDEX drifts_open ON drifts (resource) WHERE state IN ('open', 'contested');

  -- AUTOINCREMENT: an id stands in the ledger for ever.
  CREATE TABLE alert_silences (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    resource TEXT NOT NULL,
    node TEXT NOT NULL,
    baseline TEXT NOT NULL,
    max_severity TEXT NOT NULL,
    until INTEGER NOT NULL,
    reason TEXT NOT NULL,
    created_by TEXT NOT NULL,
    claimed_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL DEFAULT 0,
    ended_by TEXT NOT NULL DEFAULT '',
    begin_seq INTEGER NOT NULL DEFAULT 0,
    end_seq INTEGER NOT NULL DEFAULT 0);
  CREATE INDEX alert_silences_by_end ON alert_silences (end_seq);
)sql",
                                                   R"sql(
  -- What people have not looked at yet, and nodes that are gone for good.
  ALTER TABLE nodes ADD COLUMN gap_since INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE nodes ADD COLUMN conflict_since INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE nodes ADD COLUMN forgotten_at INTEGER NOT NULL DEFAULT 0;
)sql",
                                                   R"sql(
  -- Tokens by which nodes enrol: SHA-256 of them, never a token.
  CREATE TABLE enrolment_tokens (
    digest TEXT PRIMARY KEY,
    node TEXT NOT NULL,
    until INTEGER NOT NULL,
    used_by TEXT NOT NULL) WITHOUT ROWID;
  -- Certificates of a node that began before are refused.
  CREATE TABLE revocations (
    node TEXT PRIMARY KEY,
    before INTEGER NOT NULL,
    by TEXT NOT NULL,
    reason TEXT NOT NULL) WITHOUT ROWID;
  -- The number of the baselines that are handed out, and what it is of.
  CREATE TABLE handout (one INTEGER PRIMARY KEY CHECK (one = 1), sequence INTEGER NOT NULL, content BLOB NOT NULL);
)sql",
                                                   R"sql(
  -- Whose word is left to be done on the drift of a node that was forgotten, or came back.
  ALTER TABLE nodes ADD COLUMN unsettled_at INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE nodes ADD COLUMN unsettled_by TEXT NOT NULL DEFAULT '';
  ALTER TABLE nodes ADD COLUMN unsettled_reason TEXT NOT NULL DEFAULT '';
  -- Holes and conflicts of before version 4, which noted since when nobody has looked: the last row tells of them.
  UPDATE nodes SET gap_since = coalesce((SELECT CASE WHEN l.id LIKE 'sequence-gap-acknowledged-%' OR l.id LIKE 'sequence-gap-forgotten-%' THEN 0 ELSE l.received_at END
      FROM ledger l WHERE l.node_ref = nodes.ref AND l.id >= 'sequence-gap-' AND l.id < 'sequence-gap.' ORDER BY l.seq DESC LIMIT 1), 0) WHERE gap_since = 0 AND forgotten_at = 0;
  UPDATE nodes SET conflict_since = coalesce((SELECT CASE WHEN l.id LIKE 'conflict-acknowledged-%' OR l.id LIKE 'conflict-forgotten-%' THEN 0 ELSE l.received_at END
      FROM ledger l WHERE l.node_ref = nodes.ref AND l.id >= 'conflict-' AND l.id < 'conflict.' ORDER BY l.seq DESC LIMIT 1), 0) WHERE conflict_since = 0 AND forgotten_at = 0;
)sql"};

Result<void> migrate(Database& database) {
  const auto version = database.number("PRAGMA user_version");
  if (!version) return version.error();
  const auto latest = static_cast<std::int64_t>(migrations.size());
  if (*version > latest)
    return Error{
        ErrorCode::unsupported, "open the store " + database.path(),
        "its schema is version " + std::to_string(*version) + ", this collector knows up to " + std::to_string(latest),
        "run the newer collector that wrote it"};
  for (auto from = *version; from < latest; ++from) {
    const std::string step = migrations[static_cast<std::size_t>(from)];
    const auto done =
        database.execute("BEGIN IMMEDIATE;" + step + "PRAGMA user_version=" + std::to_string(from + 1) + "; COMMIT;");
    if (!done) return done.error();
  }
  return {};
}

}  // namespace

Result<Database> open_for_writing(const std::string& path) {
  auto database = Database::open(path, Database::Mode::read_write);
  if (!database) return database.error();
  // synchronous=FULL: a commit is on the disk when it returns. The cache holds the hot ends of the indexes. Checkpoints
  // are the store's own business (sqlite_checkpoint.hpp): inside a commit they would make every hundredth one slow.
  auto set = database->execute(
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-12288; PRAGMA wal_autocheckpoint=0;"
      "PRAGMA temp_store=MEMORY;");
  if (!set) return set.error();
  // The only writer waits for nobody but a reader that holds up a checkpoint, and then not long.
  sqlite3_busy_timeout(database->handle(), 20);
  const auto migrated = migrate(*database);
  if (!migrated) return migrated.error();
  return database;
}

Result<Database> open_for_reading(const std::string& path) {
  auto database = Database::open(path, Database::Mode::read_only);
  if (!database) return database.error();
  const auto set = database->execute("PRAGMA query_only=1; PRAGMA cache_size=-1024; PRAGMA temp_store=MEMORY;");
  if (!set) return set.error();
  return database;
}

}  // namespace plumbline::collector
