// What the SQLite store writes, one method a kind of write. Every method runs inside a transaction that
// sqlite_store.cpp opened; none commits.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "collector/store/sqlite.hpp"
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
  std::uint64_t last_seq = 0;  ///< highest ledger row written; 0 = none
};

/// Used by the writer's thread only.
class SqliteWriter {
 public:
  static Result<std::unique_ptr<SqliteWriter>> make(Database& database);

  Result<wire::Ack> ingest(const PreparedBatch& batch);
  Result<std::size_t> report_silence(std::int64_t heard_before, WallNs now);
  /// nullopt: max_active_silences are active; there is none of this id. No errors: those mean that the disk fails.
  Result<std::optional<AlertSilence>> add_silence(AlertSilence silence);
  Result<std::optional<AlertSilence>> end_silence(std::uint64_t id, const std::string& by, WallNs now);
  Result<std::size_t> expire_silences(WallNs now);
  Result<void> move_sink_cursor(const std::string& sink, std::uint64_t seq);
  Result<bool> add_dead_letter(const DeadLetter& letter, const Digest& digest);  ///< false: it was there already
  Result<std::size_t> request_replay(const std::string& origin);
  Result<void> end_replay(std::uint64_t id, const std::string& why);

  /// Writes a page that says the same as before: does the disk take it?
  Result<void> probe();

  /// The counts since the last call; after a rollback the caller drops them and calls forget().
  WriteCounts take_counts();
  void forget();

 private:
  /// A node's row, kept so that a batch need not read it.
  struct Node {
    std::int64_t ref = 0;
    std::uint64_t first_sequence = 0;
    std::uint64_t accepted_through = 0;
    std::uint64_t epoch = 0;
    std::uint64_t sequence_gaps = 0;
    std::uint64_t missing = 0;
    WallNs last_seen = 0;
    WallNs silent_since = 0;
  };

  /// What a batch had of records whose id was stored before with another body.
  struct Conflicts {
    std::uint64_t records = 0;
    std::uint64_t sequence = 0;  ///< of the first
    std::string record_id;
    std::int64_t letter = 0;  ///< the dead letter that keeps it
  };

  explicit SqliteWriter(Database& database) : database_(database) {}
  Result<Node*> node_of(const PreparedBatch& batch);
  Result<void> save_node(const PreparedBatch& batch, const Node& node);
  Result<wire::AckItem> ingest_record(const PreparedBatch& batch, const PreparedRecord& item, Node& node,
                                      Conflicts& conflicts);
  Result<wire::AckItem> set_aside(const PreparedBatch& batch, const PreparedRecord& item, Node& node,
                                  const std::string& why, Conflicts& conflicts);
  Result<bool> is_stored(const Node& node, const PreparedRecord& item);
  Result<void> report_conflicts(const PreparedBatch& batch, const Node& node, const Conflicts& conflicts);
  Result<void> advance(const PreparedBatch& batch, Node& node, std::uint64_t sequence);
  Result<void> save_drift(const Node& node, const PreparedRecord& item, std::int64_t seq);
  Result<bool> append(const Node& node, const PreparedRecord& item, WallNs received_at);
  Result<void> append_own(const Node& node, const std::string& type, const std::string& id, std::string body,
                          WallNs now);

  Result<std::uint64_t> tell_of_silence(const AlertSilence& silence, const char* state, WallNs now);
  Result<AlertSilence> end(AlertSilence silence, const std::string& by, WallNs now);

  Database& database_;
  std::unordered_map<std::string, Node> nodes_;
  // When each node that is not silent was last heard, on the boot clock, since this process began; by the node's row.
  // forget() leaves it: who was heard was heard, also where the disk did not take what it said.
  std::unordered_map<std::int64_t, std::int64_t> heard_;
  WriteCounts counts_;
  Statement find_node_, add_node_, save_node_, append_, append_body_, find_digest_, save_drift_, find_silent_,
      set_silent_, save_cursor_, add_letter_, mark_replays_, drop_letter_, keep_letter_;
};

}  // namespace plumbline::collector
