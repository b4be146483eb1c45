// The half of a store that writes, whatever it writes to.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "collector/store/ledger_writer.hpp"
#include "collector/store/store.hpp"

namespace plumbline::collector {

struct QueueLimits {
  /// Bodies that may wait for the writer; past it submit() turns batches away and the agents keep them.
  std::size_t max_queued_bytes = std::size_t{16} << 20;
  /// Bodies committed as one group: more are fewer commits, fewer are shorter waits.
  std::size_t max_group_bytes = std::size_t{2} << 20;
  /// How long sinks' cursors wait for a batch to be committed with, or for other cursors. A destination that takes one
  /// record at a time moves its cursor thousands of times a second, and each commit is a flush.
  std::chrono::milliseconds cursors_wait{20};
};

/// Queues writes and commits them in groups, on one thread. Who derives from it opens the writer, reads, and calls
/// stop() in its destructor.
class QueuedStore : public Store {
 public:
  Result<void> submit(PreparedBatch batch, std::function<void(Result<wire::Ack>)> done) override;
  Result<std::size_t> report_silence(std::int64_t heard_before, std::chrono::nanoseconds after, WallNs now) override;
  Result<std::size_t> acknowledge_node(const NodeWord& word) override;
  Result<std::size_t> forget_node(const NodeWord& word) override;
  Result<std::size_t> settle_drifts() override;
  Result<AlertSilence> add_silence(AlertSilence silence) override;
  Result<AlertSilence> end_silence(std::uint64_t id, const std::string& by, WallNs now) override;
  Result<std::size_t> expire_silences(WallNs now) override;
  Result<bool> add_enrolment_token(const EnrolmentToken& token, std::int64_t now) override;
  Result<std::optional<EnrolmentUse>> use_enrolment_token(const std::string& digest, const std::string& key,
                                                          std::int64_t now) override;
  Result<bool> remove_enrolment_token(const std::string& id) override;
  Result<bool> revoke_node(const Revocation& revocation) override;
  Result<std::uint64_t> number_handout(const Digest& content, std::uint64_t at_least) override;
  void move_sink_cursor(const std::string& sink, std::uint64_t seq) override;
  Result<void> add_dead_letter(DeadLetter letter) override;
  Result<std::size_t> request_replay(const std::string& origin) override;
  std::uint64_t replays_requested() const override { return replays_requested_; }
  Result<void> end_replay(std::uint64_t id, const std::string& why) override;
  Result<Expired> expire_ledger(WallNs before, const std::vector<std::string>& sinks) override;
  StoreStats stats() const override;
  std::shared_ptr<void> subscribe(std::function<void()> wake) override;
  void stop() override;

 protected:
  explicit QueuedStore(const QueueLimits& limits) : limits_(limits) {}

  /// Begins; `last_seq` is where the ledger ends.
  void start(std::unique_ptr<LedgerWriter> writer, std::uint64_t last_seq);
  /// Before a look that costs a write: is there anything to find? No: nothing is written.
  virtual Result<bool> silence_is_due(std::int64_t heard_before, std::chrono::nanoseconds after) const = 0;
  virtual Result<bool> alert_silences_are_due(WallNs now) const = 0;
  virtual Result<bool> drift_is_unsettled() const = 0;
  /// On the writer's thread, after the callbacks of a group.
  virtual void after_commit() {}
  /// What another collector did: rows up to `last_seq`; a replay that was asked for.
  void hear_of_rows(std::uint64_t last_seq);
  void hear_of_replay();

 private:
  /// One waiting write: `apply` inside the transaction, `done` after it, both on the writer's thread.
  struct Job {
    std::function<Result<void>(LedgerWriter&)> apply;
    std::function<void(const Result<void>&)> done;
    std::size_t bytes = 0;
    const PreparedBatch* batch = nullptr;  ///< which `apply` stores, and keeps
  };

  void push(Job job);
  template <class T, class Apply>
  Result<T> wait_for(Apply apply);
  void run();
  bool commit(std::vector<Job>& group, const std::map<std::string, std::uint64_t>& cursors);
  Result<void> write(std::vector<Job>& group, const std::map<std::string, std::uint64_t>& cursors);
  void note(const Result<void>& result, double seconds);
  void wake_all();

  using Wakes = std::vector<std::shared_ptr<std::function<void()>>>;
  Wakes awake() const;

  const QueueLimits limits_;
  std::unique_ptr<LedgerWriter> writer_;  // the writer's thread only, once start() returned
  std::atomic<std::uint64_t> replays_requested_ = 0;

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable work_;
  std::deque<Job> queue_;
  std::size_t queued_bytes_ = 0;
  std::map<std::string, std::uint64_t> cursors_;
  StoreStats stats_;
  std::vector<std::weak_ptr<std::function<void()>>> subscribers_;
  std::optional<std::chrono::steady_clock::time_point> busy_since_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace plumbline::collector
