// What a record does to the ledger, whatever it is kept in: stored, repeated or set aside; holes and resets of a node's
// sequence; drift; silence. How rows are read and written is each store's own.
#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "collector/store/store.hpp"

namespace plumbline::collector {

/// What writes of one transaction add to the store's counters once it commits.
struct WriteCounts {
  std::uint64_t stored = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t rejected = 0;
  std::uint64_t conflicts = 0;
  std::uint64_t sequence_gaps = 0;
  std::uint64_t sequence_resets = 0;
  std::uint64_t cursors_fenced = 0;
  std::uint64_t drifts_unreadable = 0;
  std::uint64_t last_seq = 0;  ///< highest ledger row written; 0 = none
};

/// Used by one thread only. All writes stand between begin() and commit() or roll_back().
class LedgerWriter {
 public:
  virtual ~LedgerWriter() = default;

  virtual Result<void> begin() = 0;
  /// Told behind begin() which batches will come, for stores that ask for all their rows at once. They outlive the
  /// transaction.
  virtual Result<void> expect(const std::vector<const PreparedBatch*>& batches);
  /// On failure roll_back() follows, and nothing is stored, or nobody knows (a connection that broke): then the same
  /// records come again and are found to be there.
  virtual Result<void> commit() = 0;
  virtual void roll_back() = 0;

  Result<wire::Ack> ingest(const PreparedBatch& batch);
  Result<std::size_t> report_silence(std::int64_t heard_before, std::chrono::nanoseconds after, WallNs now);
  /// nullopt: there is no such node.
  Result<std::optional<std::size_t>> acknowledge_node(const NodeWord& word);
  Result<std::optional<std::size_t>> forget_node(const NodeWord& word);
  /// A piece of what forget_node(), or the return of a forgotten node, left to do; returns how many drifts, 0 = none.
  Result<std::size_t> settle_drifts();
  /// nullopt: max_active_silences are active; there is none of this id. No errors: those mean that the disk fails.
  Result<std::optional<AlertSilence>> add_silence(AlertSilence silence);
  Result<std::optional<AlertSilence>> end_silence(std::uint64_t id, const std::string& by, WallNs now);
  Result<std::size_t> expire_silences(WallNs now);

  /// As Store's.
  Result<bool> add_token(const EnrolmentToken& token, std::int64_t now);
  Result<std::optional<EnrolmentUse>> use_token(const std::string& digest, const std::string& key, std::int64_t now);
  virtual Result<bool> remove_token(const std::string& id) = 0;
  Result<bool> revoke_node(const Revocation& revocation);
  Result<std::uint64_t> number_handout(const Digest& content, std::uint64_t at_least);

  virtual Result<void> move_sink_cursor(const std::string& sink, std::uint64_t seq) = 0;
  /// Its id; nullopt: it was there already.
  virtual Result<std::optional<std::uint64_t>> add_dead_letter(const DeadLetter& letter, const Digest& digest) = 0;
  virtual Result<std::size_t> request_replay(const std::string& origin) = 0;
  virtual Result<void> end_replay(std::uint64_t id, const std::string& why) = 0;
  virtual Result<Expired> expire_ledger(WallNs before, const std::vector<std::string>& sinks) = 0;
  /// Writes a page that says the same as before: does the store take it?
  virtual Result<void> probe() = 0;

  /// The counts since the last call.
  WriteCounts take_counts();

 protected:
  struct Node {
    std::int64_t ref = 0;  ///< 0: of no node, the collector's own
    std::uint64_t first_sequence = 0;
    std::uint64_t accepted_through = 0;
    std::uint64_t epoch = 0;
    std::uint64_t sequence_gaps = 0;
    std::uint64_t missing = 0;
    WallNs last_seen = 0;
    WallNs silent_since = 0;
    WallNs gap_since = 0;
    WallNs conflict_since = 0;
    WallNs forgotten_at = 0;  ///< 0 = it is not
  };
  struct SilentNode {
    std::string node_id;
    std::string node;
    WallNs last_seen = 0;
  };
  enum class Appended {
    stored,
    repeated,    ///< the row of this id has these bytes
    conflicting  ///< it has others
  };

  /// The node of the header, made where it is new. Valid until the transaction ends.
  virtual Result<Node*> node_of(const PreparedBatch& batch) = 0;
  virtual Result<void> save_node(const PreparedBatch& batch, const Node& node) = 0;
  /// Sets counts().last_seq where it is stored. A row of one id of one node is there once.
  virtual Result<Appended> append(const Node& node, const PreparedRecord& item, WallNs received_at) = 0;
  /// Where it is newer than what is there: by epoch, then sequence.
  virtual Result<void> save_drift(const Node& node, const PreparedRecord& item, std::uint64_t seq) = 0;

  virtual Result<std::vector<SilentNode>> find_silent(std::int64_t heard_before, std::chrono::nanoseconds after) = 0;
  virtual Result<void> set_silent(const std::string& node_id, Node& node, WallNs since) = 0;

  /// Its last name; nullopt: no such node, or it was forgotten.
  virtual Result<std::optional<std::string>> find_node_name(const std::string& node_id) = 0;
  /// Writes what no batch says: since when it is silent, forgotten and so on, its epoch and counts. `first_seen`: 0 =
  /// as it was.
  virtual Result<void> save_standing(const Node& node, WallNs first_seen) = 0;
  /// Its drifts that are forgotten, or those that need somebody or are suppressed, the oldest rows first.
  virtual Result<std::vector<DriftRow>> find_drifts(const Node& node, bool forgotten, std::size_t limit) = 0;
  virtual Result<std::size_t> count_drifts(const Node& node, bool forgotten) = 0;
  virtual Result<void> set_drift_state(const Node& node, const std::string& id, const char* state) = 0;
  /// Notes whose word is left to be done on its drifts; one without a time: none.
  virtual Result<void> set_unsettled(const Node& node, const NodeWord& word) = 0;
  virtual Result<std::optional<NodeWord>> find_unsettled() = 0;

  virtual Result<std::size_t> count_active_silences() = 0;
  virtual Result<std::uint64_t> insert_silence(const AlertSilence& silence) = 0;  ///< its id
  virtual Result<void> set_silence_begin(std::uint64_t id, std::uint64_t seq) = 0;
  virtual Result<void> set_silence_end(const AlertSilence& silence) = 0;
  virtual Result<std::vector<AlertSilence>> find_silence(std::uint64_t id) = 0;
  virtual Result<std::vector<AlertSilence>> find_due_silences(WallNs now) = 0;

  virtual Result<std::size_t> count_tokens(std::int64_t after) = 0;  ///< that end later
  virtual Result<void> forget_tokens(std::int64_t until) = 0;        ///< that ended by then
  virtual Result<void> insert_token(const EnrolmentToken& token) = 0;
  virtual Result<std::optional<EnrolmentToken>> find_token(const std::string& digest) = 0;
  virtual Result<void> set_token_used(const std::string& digest, const std::string& key) = 0;
  virtual Result<std::size_t> count_revocations(const std::string& but_of) = 0;
  virtual Result<void> save_revocation(const Revocation& revocation) = 0;  ///< with the later of both times
  virtual Result<void> forget_tokens_of(const std::string& node) = 0;
  virtual Result<HandoutNumber> find_handout() = 0;
  virtual Result<void> set_handout(const HandoutNumber& number) = 0;

  WriteCounts& counts() { return counts_; }

 private:
  /// What a batch had of records whose id was stored before with another body.
  struct Conflicts {
    std::uint64_t records = 0;
    std::uint64_t sequence = 0;  ///< of the first
    std::string record_id;
    std::uint64_t letter = 0;  ///< the dead letter that keeps it
  };

  Result<wire::AckItem> ingest_record(const PreparedBatch& batch, const PreparedRecord& item, Node& node,
                                      Conflicts& conflicts);
  Result<wire::AckItem> set_aside(const PreparedBatch& batch, const PreparedRecord& item, Node& node,
                                  const std::string& why, Conflicts& conflicts);
  Result<void> report_conflicts(const PreparedBatch& batch, Node& node, const Conflicts& conflicts);
  Result<void> advance(const PreparedBatch& batch, Node& node, std::uint64_t sequence);
  Result<void> append_own(const Node& node, const std::string& type, const std::string& id, std::string body,
                          WallNs now);
  /// Ends what the node is said to be; returns of how many conditions. `state`: what the rows say.
  Result<std::size_t> end_conditions(Node& node, const std::string& name, const char* state, const NodeWord& word);
  Result<void> tell_of_node(const Node& node, const std::string& name, const char* state, const NodeWord& word,
                            std::size_t drifts);
  Result<void> begin_turning(Node& node, bool forget, const NodeWord& word);
  Result<std::size_t> turn_drifts(Node& node, bool forget, const NodeWord& word);
  Result<void> welcome_back(const PreparedBatch& batch, Node& node);
  Result<std::uint64_t> tell_of_silence(const AlertSilence& silence, const char* state, WallNs now);
  Result<AlertSilence> end(AlertSilence silence, const std::string& by, WallNs now);

  WriteCounts counts_;
  std::deque<PreparedRecord> kept_;  ///< rows of drifts that this made, until their transaction is over
};

}  // namespace plumbline::collector
