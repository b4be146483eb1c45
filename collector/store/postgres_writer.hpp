// LedgerWriter's rows in PostgreSQL, beside other collectors that write the same tables.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "collector/store/ledger_writer.hpp"
#include "collector/store/postgres.hpp"
#include "collector/store/postgres_turns.hpp"

namespace plumbline::collector {

/// Rows are collected in memory and go out before the commit, in a few statements for the whole group: what each
/// statement costs is the way to the server and back. What is read is read under the lock of the ledger's end, so that
/// nobody changes it before the commit.
class PostgresWriter final : public LedgerWriter {
 public:
  /// `turns` outlives it. `part_lasts`: after how long the ledger goes on in another part; 0 = never.
  PostgresWriter(PostgresTarget target, PostgresTurns& turns, std::chrono::nanoseconds part_lasts)
      : target_(std::move(target)), turns_(turns), part_lasts_(part_lasts) {}

  Result<void> begin() override;
  Result<void> expect(const std::vector<const PreparedBatch*>& batches) override;
  Result<void> commit() override;
  void roll_back() override;

  Result<bool> remove_token(const std::string& id) override;
  Result<void> move_sink_cursor(const std::string& sink, std::uint64_t seq) override;
  Result<std::optional<std::uint64_t>> add_dead_letter(const DeadLetter& letter, const Digest& digest) override;
  Result<std::size_t> request_replay(const std::string& origin) override;
  Result<void> end_replay(std::uint64_t id, const std::string& why) override;
  Result<Expired> expire_ledger(WallNs before, const std::vector<std::string>& sinks) override;
  Result<void> probe() override;

  /// Gives this collector's turns back, outside a transaction.
  Result<void> leave_turns();

 private:
  struct KnownNode {
    Node node;
    const PreparedBatch* batch = nullptr;  ///< the last one of this transaction, whose header is to be saved
  };
  struct NewestDrift {
    const PreparedRecord* item = nullptr;
    std::uint64_t seq = 0;
    std::uint64_t epoch = 0;
  };

  Result<PgRows> run(const std::string& sql, const PgParams& params = {});
  Result<void> lock_ledger();
  Result<void> begin_part_if_due(std::int64_t began_at, std::int64_t now);
  Result<void> load_nodes(const std::map<std::string, const PreparedBatch*>& wanted);
  Result<void> look_up(const std::vector<std::int64_t>& refs, const std::vector<std::string>& ids);

  Result<Node*> node_of(const PreparedBatch& batch) override;
  Result<void> save_node(const PreparedBatch& batch, const Node& node) override;
  Result<Appended> append(const Node& node, const PreparedRecord& item, WallNs received_at) override;
  Result<void> save_drift(const Node& node, const PreparedRecord& item, std::uint64_t seq) override;
  Result<void> flush_nodes();
  Result<void> flush_drifts();

  Result<std::vector<SilentNode>> find_silent(std::int64_t heard_before, std::chrono::nanoseconds after) override;
  Result<void> set_silent(const std::string& node_id, Node& node, WallNs since) override;

  Result<std::optional<std::string>> find_node_name(const std::string& node_id) override;
  Result<void> save_standing(const Node& node, WallNs first_seen) override;
  Result<std::vector<DriftRow>> find_drifts(const Node& node, bool forgotten, std::size_t limit) override;
  Result<std::size_t> count_drifts(const Node& node, bool forgotten) override;
  Result<void> set_drift_state(const Node& node, const std::string& id, const char* state) override;
  Result<void> set_unsettled(const Node& node, const NodeWord& word) override;
  Result<std::optional<NodeWord>> find_unsettled() override;

  Result<std::size_t> count_active_silences() override;
  Result<std::uint64_t> insert_silence(const AlertSilence& silence) override;
  Result<void> set_silence_begin(std::uint64_t id, std::uint64_t seq) override;
  Result<void> set_silence_end(const AlertSilence& silence) override;
  Result<std::vector<AlertSilence>> find_silence(std::uint64_t id) override;
  Result<std::vector<AlertSilence>> find_due_silences(WallNs now) override;

  Result<std::size_t> count_tokens(std::int64_t after) override;
  Result<void> forget_tokens(std::int64_t until) override;
  Result<void> insert_token(const EnrolmentToken& token) override;
  Result<std::optional<EnrolmentToken>> find_token(const std::string& digest) override;
  Result<void> set_token_used(const std::string& digest, const std::string& key) override;
  Result<std::size_t> count_revocations(const std::string& but_of) override;
  Result<void> save_revocation(const Revocation& revocation) override;
  Result<void> forget_tokens_of(const std::string& node) override;
  Result<HandoutNumber> find_handout() override;
  Result<void> set_handout(const HandoutNumber& number) override;

  const PostgresTarget target_;
  PostgresTurns& turns_;
  const std::chrono::nanoseconds part_lasts_;
  std::optional<PgConnection> connection_;

  // Of the transaction under way:
  bool locked_ = false;
  bool tell_of_replay_ = false;
  std::int64_t part_ = 0;
  std::uint64_t last_seq_ = 0;
  PgBytes rows_;
  std::unordered_map<std::string, KnownNode> nodes_;  ///< by node id
  // What is known of ids, by node: the digest of their row, or that there is none.
  std::unordered_map<std::int64_t, std::unordered_map<std::string, std::optional<Digest>>> known_;
  std::map<std::pair<std::string, std::int64_t>, NewestDrift> drifts_;  ///< by id and node
};

}  // namespace plumbline::collector
