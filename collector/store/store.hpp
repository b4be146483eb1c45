// The collector's memory: the ledger of records, the drift state that they add up to, the nodes that sent them, how far
// each sink has come, and what could not be delivered. One interface, one conformance suite (tests/unit/collector),
// SQLite behind it today.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "collector/store/alert_silence.hpp"
#include "include/util/clock.hpp"
#include "include/util/result.hpp"
#include "include/wire/record.hpp"
#include "include/wire/record_columns.hpp"

namespace plumbline::collector {

using Digest = std::array<std::byte, 32>;  ///< SHA-256 of a body

/// A record, checked and indexed, ready to be written (ingest/prepare.hpp makes it).
struct PreparedRecord {
  wire::Record record;
  wire::RecordColumns columns;
  Digest digest{};
  std::string refused;  ///< why its body cannot be stored as what it says it is; "" = it can
};

struct PreparedBatch {
  wire::Batch header;  ///< its `records` are empty: they moved to `records` below
  std::vector<PreparedRecord> records;
  WallNs received_at = 0;     ///< to show
  std::int64_t heard_at = 0;  ///< the same moment on the boot clock, which nobody sets: what silence is measured with
  std::size_t bytes = 0;      ///< of all bodies: what it weighs in the queue
};

/// One row of the ledger. Rows of the collector's own (type "silence", "sequence_gap", "conflict", "alert_silence")
/// have sequence 0. An id is unique among its node's rows. An "alert_silence" is of no node: both names are
/// "collector".
struct LedgerRecord {
  std::uint64_t seq = 0;  ///< global, ascending, never reused: the position of every cursor
  std::string node_id;
  std::string node;
  std::uint64_t sequence = 0;
  std::string type;
  std::string id;
  WallNs at = 0;
  WallNs received_at = 0;
  std::string resource;
  std::string verdict;
  std::string comparison;
  std::string severity;
  std::string drift_id;
  std::string drift_state;
  std::string body;
  std::uint64_t told_at = 0;  ///< of a drift that a silence held back: the row of that silence's end; else 0
};

struct DriftRow {
  std::string id;
  std::uint64_t seq = 0;  ///< ledger row that set the state
  std::string node_id;
  std::string node;
  std::string resource;
  std::string state;
  std::string comparison;
  WallNs updated_at = 0;
  std::string body;  ///< of that ledger row: {"finding": …, "drift": …}
};

/// A drift that needs somebody (open or contested), without its body.
struct OpenDrift {
  std::uint64_t seq = 0;
  std::string node_id;
  std::string node;
  std::string severity;
  std::int64_t live = 0;  ///< RecordColumns::drift_live: the same where the live values are
};

struct NodeRow {
  std::string node_id;
  std::string node;
  std::string labels_json;
  std::string boot_id;
  std::string agent_version;
  std::string health_json;
  WallNs first_seen = 0;
  WallNs last_seen = 0;
  std::uint64_t first_sequence = 0;    ///< of the first record ever received; 0 = only heartbeats so far
  std::uint64_t accepted_through = 0;  ///< in its present epoch
  std::uint64_t oldest_unsent = 0;
  std::uint64_t epoch = 0;          ///< how often its sequence began anew (a spool that was lost)
  std::uint64_t sequence_gaps = 0;  ///< holes so far …
  std::uint64_t missing = 0;        ///< … and the records that never came
  WallNs silent_since = 0;          ///< 0 = it is heard
  std::uint64_t open_drifts = 0;
};

/// A record that one hop refused for good; kept whole, shown, and (a sink's) sent again on demand.
struct DeadLetter {
  std::uint64_t id = 0;
  std::string origin;     ///< "ingest" or "sink:<name>"
  std::uint64_t seq = 0;  ///< ledger row, for a sink's
  std::string node_id;    ///< for ingest
  std::uint64_t sequence = 0;
  std::string record_id;
  std::string why;
  WallNs at = 0;
  bool replaying = false;
  std::string body;  ///< for ingest: what was refused
};

/// What a page holds. Newest first; `before` is the ledger position that the last page ended at (0 = from the top).
struct Query {
  std::string id;        ///< drifts only, as below; "" = any. An id is its node's own, so several nodes may have it
  std::string state;     ///< "" = any
  std::string resource;  ///< exact, or with '*' for any run of characters; "" = any
  std::string node;      ///< name or id; "" = any
  std::string origin;    ///< dead letters only; "" = any
  WallNs since = 0;      ///< drifts: updated_at, findings: at, not before this (agents' clocks: within an hour)
  std::uint64_t before = 0;
  std::size_t limit = 100;
};

template <class T>
struct Page {
  std::vector<T> items;
  std::uint64_t next = 0;  ///< `before` of the next page; 0 = this is the last one
};

/// All keys present from the start; written into /metrics and /v1/status.
struct StoreStats {
  std::uint64_t last_seq = 0;
  std::uint64_t stored = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t rejected = 0;
  std::uint64_t conflicts = 0;  ///< of the rejected: an id that came again with another body
  std::uint64_t sequence_gaps = 0;
  std::uint64_t sequence_resets = 0;
  std::uint64_t commits = 0;
  std::uint64_t commit_failures = 0;
  std::uint64_t queries_cut = 0;  ///< reads for people that took too long
  std::uint64_t queued_bytes = 0;
  double commit_seconds = 0;  ///< total time in commits
  double busy_seconds = 0;    ///< age of the commit under way; 0 = none
  bool writable = true;       ///< the last commit succeeded; after a failure the store probes by itself
  std::string last_error;
};

/// Thread-safe. Writes are queued and committed in groups by one thread; a callback runs on that thread after the
/// commit (or its failure) and must not block. Reads see committed rows only. Those that serve people (a Query, a
/// count, nodes()) may scan much: past the store's limit of time they end as `unavailable`.
class Store {
 public:
  virtual ~Store() = default;

  /// Stores a batch durably, then calls `done` with its acknowledgement. `unavailable`: disk full or the like
  /// (nothing of the batch was stored; the agent sends it again). Returns `unavailable` at once, without calling
  /// `done`, when the queue is at its bound.
  virtual Result<void> submit(PreparedBatch batch, std::function<void(Result<wire::Ack>)> done) = 0;

  /// Appends one "silence" record for each node that has none yet and was not heard since `heard_before` (boot clock;
  /// a node that was not heard since the store was opened counts as never heard); returns how many. `now` is shown.
  virtual Result<std::size_t> report_silence(std::int64_t heard_before, WallNs now) = 0;

  virtual Result<std::vector<LedgerRecord>> ledger_after(std::uint64_t seq, std::size_t limit,
                                                         std::size_t max_bytes) const = 0;
  virtual Result<Page<LedgerRecord>> findings(const Query& query) const = 0;
  virtual Result<Page<DriftRow>> drifts(const Query& query) const = 0;
  /// The newest drift of each (node, resource), as a resource's last known state.
  virtual Result<Page<DriftRow>> resources(const Query& query) const = 0;
  virtual Result<std::vector<NodeRow>> nodes() const = 0;

  /// All that is open of one resource of one baseline, by node: what one change on many nodes is. `visit` returns at
  /// once; it runs with a read under way.
  virtual Result<void> each_open_drift(const std::string& resource, const std::string& baseline,
                                       const std::function<void(const OpenDrift&)>& visit) const = 0;
  /// Drifts that are open and whose state was set behind ledger row `after` and before row `before`, ascending.
  virtual Result<std::vector<DriftRow>> open_drifts_between(std::uint64_t after, std::uint64_t before,
                                                            std::size_t limit) const = 0;

  /// Writes it, and the ledger row that tells of it, and returns it with id and `begin_seq`.
  /// `invalid_argument`: max_active_silences are active.
  virtual Result<AlertSilence> add_silence(AlertSilence silence) = 0;
  /// Ends it, with a ledger row, and returns it; one that has ended stays as it is. `not_found`: there is none.
  virtual Result<AlertSilence> end_silence(std::uint64_t id, const std::string& by, WallNs now) = 0;
  /// Ends those whose time is over; returns how many.
  virtual Result<std::size_t> expire_silences(WallNs now) = 0;
  /// Of Query: state ("active" or "ended"), before (an id), limit.
  virtual Result<Page<AlertSilence>> silences(const Query& query) const = 0;
  /// Those that may hold back rows `first` to `last`: begun before `last`, and active or ended behind `first`.
  virtual Result<std::vector<AlertSilence>> silences_over(std::uint64_t first, std::uint64_t last) const = 0;

  /// How far a sink has come: every ledger row up to here is delivered, set aside, or not for it. nullopt: it is new.
  virtual Result<std::optional<std::uint64_t>> sink_cursor(const std::string& sink) const = 0;
  /// Moves it forward with the next commit, without waiting; going back is ignored.
  virtual void move_sink_cursor(const std::string& sink, std::uint64_t seq) = 0;

  virtual Result<void> add_dead_letter(DeadLetter letter) = 0;
  virtual Result<Page<DeadLetter>> dead_letters(const Query& query) const = 0;
  virtual Result<std::uint64_t> count_dead_letters(const std::string& origin) const = 0;
  /// Marks all dead letters of an origin for another try; returns how many.
  virtual Result<std::size_t> request_replay(const std::string& origin) = 0;
  virtual Result<std::vector<DeadLetter>> replays(const std::string& origin, std::size_t limit) const = 0;
  /// A replay ended: delivered (`why` empty, the letter goes) or refused again (it stays, with the new reason).
  virtual Result<void> end_replay(std::uint64_t id, const std::string& why) = 0;

  virtual StoreStats stats() const = 0;
  /// `wake` runs on the writer's thread after each commit that appended rows. Dropping the handle unsubscribes; a call
  /// under way may still finish after that, so `wake` owns what it uses.
  virtual std::shared_ptr<void> subscribe(std::function<void()> wake) = 0;
  /// Commits what is queued, then refuses further writes. Idempotent.
  virtual void stop() = 0;
};

}  // namespace plumbline::collector
