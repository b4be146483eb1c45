// The collector's memory: the ledger of records, the drift state that they add up to, the nodes that sent them, how far
// each sink has come, and what could not be delivered. One interface, one conformance suite (tests/unit/collector),
// SQLite and PostgreSQL behind it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "collector/store/alert_silence.hpp"
#include "collector/store/enrolment_token.hpp"
#include "collector/store/handout_number.hpp"
#include "collector/store/revocation.hpp"
#include "collector/store/rows.hpp"
#include "include/util/clock.hpp"
#include "include/util/result.hpp"

namespace plumbline::collector {

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
  std::uint64_t queries_cut = 0;     ///< reads for people that took too long
  std::uint64_t cursors_fenced = 0;  ///< moves of a sink's cursor that came after another collector took the sink
  std::uint64_t drifts_unreadable =
      0;                          ///< that became `forgotten`, or open again, without a row: their record is damaged
  std::uint64_t expired = 0;      ///< rows that were removed, their time being over
  std::string retention_held_by;  ///< a sink that has not passed what is over its time; "" = none
  std::uint64_t lost_connections = 0;  ///< to a server, each made again by itself
  std::uint64_t queued_bytes = 0;
  double commit_seconds = 0;  ///< total time in commits
  double busy_seconds = 0;    ///< age of the commit under way; 0 = none
  bool writable = true;       ///< the last commit succeeded; after a failure the store probes by itself
  std::string last_error;
};

/// Whose turn it is to deliver for a sink: one collector's at a time, where several share a store.
struct SinkTurn {
  bool ours = false;
  /// How far the sink has come: every ledger row up to here is delivered, set aside, or not for it. nullopt: it is new.
  std::optional<std::uint64_t> cursor;
};

/// What a look for rows that are over their time came to.
struct Expired {
  std::uint64_t rows = 0;  ///< removed
  std::string held_by;     ///< a sink that has not passed others; "" = none
  bool more = false;       ///< look again soon
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

  /// Appends one "silence" record for each node that has none yet and was not heard since `heard_before` (this host's
  /// boot clock), which is `after` ago; returns how many. `now` is shown. A node that was not heard since the store was
  /// opened counts as never heard, unless another collector that shares the store heard it.
  virtual Result<std::size_t> report_silence(std::int64_t heard_before, std::chrono::nanoseconds after, WallNs now) = 0;

  /// Somebody has looked at the holes and conflicts of a node: each that nobody had acknowledged gets a ledger row that
  /// says so; returns how many. `not_found`: no such node.
  virtual Result<std::size_t> acknowledge_node(const NodeWord& word) = 0;
  /// The node is gone for good: it is in nodes() no more, what is open of it becomes `forgotten`, what it is said to be
  /// (silent, with a hole, in conflict) ends; a ledger row for each, and one of type "node". Returns how many drifts.
  /// Should it report again, it is new and in nodes() again, its sequence goes on, and its drift is what it was.
  /// Its drift is turned a piece at a time; what a collector that ended in between left, settle_drifts() goes on with.
  virtual Result<std::size_t> forget_node(const NodeWord& word) = 0;
  /// A piece of the drift of nodes that were forgotten, or came back; returns how many, 0 = nothing is left.
  virtual Result<std::size_t> settle_drifts() = 0;

  virtual Result<std::vector<LedgerRecord>> ledger_after(std::uint64_t seq, std::size_t limit,
                                                         std::size_t max_bytes) const = 0;
  virtual Result<Page<LedgerRecord>> findings(const Query& query) const = 0;
  virtual Result<Page<DriftRow>> drifts(const Query& query) const = 0;
  /// The newest drift of each (node, resource), as a resource's last known state.
  virtual Result<Page<DriftRow>> resources(const Query& query) const = 0;
  virtual Result<std::vector<NodeRow>> nodes() const = 0;
  /// The name that a node last came under; nullopt: it never did.
  virtual Result<std::optional<std::string>> node_name(const std::string& node_id) const = 0;

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

  /// `now`: Unix seconds. False: max_enrolment_tokens are in force.
  virtual Result<bool> add_enrolment_token(const EnrolmentToken& token, std::int64_t now) = 0;
  /// Uses it for this key, once for all collectors: of two that come with it at the same moment one is the first.
  /// nullopt: there is none of this digest.
  virtual Result<std::optional<EnrolmentUse>> use_enrolment_token(const std::string& digest, const std::string& key,
                                                                  std::int64_t now) = 0;
  virtual Result<bool> remove_enrolment_token(const std::string& id) = 0;  ///< false: there is none of this id
  virtual Result<std::vector<EnrolmentToken>> enrolment_tokens() const = 0;

  /// Takes back the node's certificates of before, and its enrolment tokens. False: max_revocations are of others.
  virtual Result<bool> revoke_node(const Revocation& revocation) = 0;
  virtual Result<std::vector<Revocation>> revocations() const = 0;

  /// The number of what is to be handed out: where it is what was handed out last, the same; else a higher one, and at
  /// least `at_least`.
  virtual Result<std::uint64_t> number_handout(const Digest& content, std::uint64_t at_least) = 0;
  virtual Result<HandoutNumber> last_handout() const = 0;

  /// Takes the sink where no other collector has it. It is kept from then on without further calls, while the store can
  /// be reached and until stop(), which gives it back behind the last move of its cursor.
  virtual Result<SinkTurn> take_sink(const std::string& sink) = 0;
  /// Whether it is still ours. Asked before each delivery: no I/O.
  virtual bool has_sink(const std::string& sink) const = 0;
  virtual Result<std::optional<std::uint64_t>> sink_cursor(const std::string& sink) const = 0;
  /// Moves it forward with the next commit, without waiting. Going back is ignored, and so is what another collector
  /// has by then (counted).
  virtual void move_sink_cursor(const std::string& sink, std::uint64_t seq) = 0;

  virtual Result<void> add_dead_letter(DeadLetter letter) = 0;
  virtual Result<Page<DeadLetter>> dead_letters(const Query& query) const = 0;
  virtual Result<std::uint64_t> count_dead_letters(const std::string& origin) const = 0;
  /// Marks all dead letters of an origin for another try; returns how many. Wakes subscribers, of all collectors.
  virtual Result<std::size_t> request_replay(const std::string& origin) = 0;
  /// How often that was done, as far as this collector has heard.
  virtual std::uint64_t replays_requested() const = 0;
  virtual Result<std::vector<DeadLetter>> replays(const std::string& origin, std::size_t limit) const = 0;
  /// A replay ended: delivered (`why` empty, the letter goes) or refused again (it stays, with the new reason).
  virtual Result<void> end_replay(std::uint64_t id, const std::string& why) = 0;

  /// Removes a piece of what was received before `before` and all of `sinks` have passed; drifts that ended then go
  /// with their rows. The row of a drift that has not ended stays, and that of a dead letter.
  virtual Result<Expired> expire_ledger(WallNs before, const std::vector<std::string>& sinks) = 0;

  virtual StoreStats stats() const = 0;
  /// `wake` runs on a thread of the store after each commit that appended rows, whichever collector's it was, and must
  /// not block. Dropping the handle unsubscribes; a call under way may still finish after that, so `wake` owns what it
  /// uses.
  virtual std::shared_ptr<void> subscribe(std::function<void()> wake) = 0;
  /// Commits what is queued, then refuses further writes. Idempotent.
  virtual void stop() = 0;
};

}  // namespace plumbline::collector
