// LedgerWriter's rows in SQLite.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "collector/store/ledger_writer.hpp"
#include "collector/store/sqlite.hpp"

namespace plumbline::collector {

class SqliteWriter final : public LedgerWriter {
 public:
  /// `database` outlives it.
  static Result<std::unique_ptr<SqliteWriter>> make(Database& database);

  Result<void> begin() override;
  Result<void> commit() override;
  void roll_back() override;

  Result<bool> remove_token(const std::string& id) override;
  Result<void> move_sink_cursor(const std::string& sink, std::uint64_t seq) override;
  Result<std::optional<std::uint64_t>> add_dead_letter(const DeadLetter& letter, const Digest& digest) override;
  Result<std::size_t> request_replay(const std::string& origin) override;
  Result<void> end_replay(std::uint64_t id, const std::string& why) override;
  Result<Expired> expire_ledger(WallNs before, const std::vector<std::string>& sinks) override;
  Result<void> probe() override;

 private:
  explicit SqliteWriter(Database& database) : database_(database) {}
  Result<Node*> node_of(const PreparedBatch& batch) override;
  Node* heard(Node& node, const PreparedBatch& batch);
  Result<void> save_node(const PreparedBatch& batch, const Node& node) override;
  Result<Appended> append(const Node& node, const PreparedRecord& item, WallNs received_at) override;
  Result<bool> is_stored(const Node& node, const PreparedRecord& item);
  Result<void> save_drift(const Node& node, const PreparedRecord& item, std::uint64_t seq) override;

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

  Database& database_;
  std::unordered_map<std::string, Node> nodes_;  // kept so that a batch need not read its node's row
  // When each node that is not silent was last heard, on the boot clock, since this process began; by the node's row.
  // roll_back() leaves it: who was heard was heard, also where the disk did not take what it said.
  std::unordered_map<std::int64_t, std::int64_t> heard_;
  Statement find_node_, add_node_, save_node_, append_, append_body_, find_digest_, save_drift_, find_silent_,
      set_silent_, save_cursor_, add_letter_, mark_replays_, drop_letter_, keep_letter_, save_standing_;
};

}  // namespace plumbline::collector
