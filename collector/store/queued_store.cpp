#include "collector/store/queued_store.hpp"

#include <algorithm>
#include <utility>

namespace plumbline::collector {

using Steady = std::chrono::steady_clock;

void QueuedStore::start(std::unique_ptr<LedgerWriter> writer, std::uint64_t last_seq) {
  writer_ = std::move(writer);
  stats_.last_seq = last_seq;
  thread_ = std::thread([this] { run(); });
}

Result<void> QueuedStore::submit(PreparedBatch batch, std::function<void(Result<wire::Ack>)> done) {
  struct Ingest {
    PreparedBatch batch;
    wire::Ack ack;
  };
  auto ingest = std::make_shared<Ingest>();
  ingest->batch = std::move(batch);
  Job job;
  job.bytes = ingest->batch.bytes;
  job.batch = &ingest->batch;
  job.apply = [ingest](LedgerWriter& writer) -> Result<void> {
    auto ack = writer.ingest(ingest->batch);
    if (!ack) return ack.error();
    ingest->ack = std::move(*ack);
    return {};
  };
  job.done = [ingest, done = std::move(done)](const Result<void>& result) {
    if (result)
      done(std::move(ingest->ack));
    else
      done(result.error());
  };
  const std::lock_guard lock(mutex_);
  if (stopping_) return Error{ErrorCode::unavailable, "store a batch", "the collector is stopping", "send it again"};
  // An empty queue takes any batch, so that a bound smaller than a batch cannot wedge an agent.
  if (queued_bytes_ != 0 && queued_bytes_ + job.bytes > limits_.max_queued_bytes)
    return Error{ErrorCode::unavailable, "store a batch",
                 "the queue holds " + std::to_string(queued_bytes_) + " bytes already", "send it again later"};
  push(std::move(job));
  return {};
}

Result<std::size_t> QueuedStore::report_silence(std::int64_t heard_before, std::chrono::nanoseconds after, WallNs now) {
  const auto due = silence_is_due(heard_before, after);
  if (!due) return due.error();
  if (!*due) return std::size_t{0};
  return wait_for<std::size_t>([=](LedgerWriter& writer) { return writer.report_silence(heard_before, after, now); });
}

namespace {

/// `told`: nullopt where there is no such node.
Result<std::size_t> or_not_found(const Result<std::optional<std::size_t>>& told, const NodeWord& word) {
  if (!told) return told.error();
  if (*told) return **told;
  return Error{ErrorCode::not_found, "find node " + word.node_id, "none that reports has this id",
               "list GET /v1/nodes"};
}

}  // namespace

Result<std::size_t> QueuedStore::acknowledge_node(const NodeWord& word) {
  return or_not_found(
      wait_for<std::optional<std::size_t>>([word](LedgerWriter& writer) { return writer.acknowledge_node(word); }),
      word);
}

Result<std::size_t> QueuedStore::forget_node(const NodeWord& word) {
  auto drifts = or_not_found(
      wait_for<std::optional<std::size_t>>([word](LedgerWriter& writer) { return writer.forget_node(word); }), word);
  // The node is forgotten then; what this is kept from, whoever looks next does.
  for (auto left = settle_drifts(); drifts && left && *left > 0;) left = settle_drifts();
  return drifts;
}

Result<std::size_t> QueuedStore::settle_drifts() {
  const auto due = drift_is_unsettled();
  if (!due) return due.error();
  if (!*due) return std::size_t{0};
  return wait_for<std::size_t>([](LedgerWriter& writer) { return writer.settle_drifts(); });
}

Result<AlertSilence> QueuedStore::add_silence(AlertSilence silence) {
  auto added = wait_for<std::optional<AlertSilence>>(
      [silence = std::move(silence)](LedgerWriter& writer) { return writer.add_silence(silence); });
  if (!added) return added.error();
  if (!*added)
    return invalid("add a silence", std::to_string(max_active_silences) + " are active, the most that may be",
                   "end some: GET /v1/silences?state=active lists them");
  return std::move(**added);
}

Result<AlertSilence> QueuedStore::end_silence(std::uint64_t id, const std::string& by, WallNs now) {
  auto ended =
      wait_for<std::optional<AlertSilence>>([=](LedgerWriter& writer) { return writer.end_silence(id, by, now); });
  if (!ended) return ended.error();
  if (!*ended)
    return Error{ErrorCode::not_found, "end silence " + std::to_string(id), "there is none of this id",
                 "list GET /v1/silences"};
  return std::move(**ended);
}

Result<std::size_t> QueuedStore::expire_silences(WallNs now) {
  const auto due = alert_silences_are_due(now);  // so that a second in which none is costs no write
  if (!due) return due.error();
  if (!*due) return std::size_t{0};
  return wait_for<std::size_t>([=](LedgerWriter& writer) { return writer.expire_silences(now); });
}

Result<bool> QueuedStore::add_enrolment_token(const EnrolmentToken& token, std::int64_t now) {
  return wait_for<bool>([token, now](LedgerWriter& writer) { return writer.add_token(token, now); });
}

Result<std::optional<EnrolmentUse>> QueuedStore::use_enrolment_token(const std::string& digest, const std::string& key,
                                                                     std::int64_t now) {
  return wait_for<std::optional<EnrolmentUse>>(
      [=](LedgerWriter& writer) { return writer.use_token(digest, key, now); });
}

Result<bool> QueuedStore::remove_enrolment_token(const std::string& id) {
  return wait_for<bool>([id](LedgerWriter& writer) { return writer.remove_token(id); });
}

Result<bool> QueuedStore::revoke_node(const Revocation& revocation) {
  return wait_for<bool>([revocation](LedgerWriter& writer) { return writer.revoke_node(revocation); });
}

Result<std::uint64_t> QueuedStore::number_handout(const Digest& content, std::uint64_t at_least) {
  return wait_for<std::uint64_t>([=](LedgerWriter& writer) { return writer.number_handout(content, at_least); });
}

void QueuedStore::move_sink_cursor(const std::string& sink, std::uint64_t seq) {
  const std::lock_guard lock(mutex_);
  if (cursors_.empty()) work_.notify_one();  // else the writer knows
  auto& cursor = cursors_[sink];
  cursor = std::max(cursor, seq);
}

Result<void> QueuedStore::add_dead_letter(DeadLetter letter) {
  const auto added = wait_for<std::optional<std::uint64_t>>(
      [letter = std::move(letter)](LedgerWriter& writer) { return writer.add_dead_letter(letter, Digest{}); });
  if (!added) return added.error();
  return {};
}

Result<std::size_t> QueuedStore::request_replay(const std::string& origin) {
  auto marked = wait_for<std::size_t>([origin](LedgerWriter& writer) { return writer.request_replay(origin); });
  if (marked) hear_of_replay();
  return marked;
}

Result<void> QueuedStore::end_replay(std::uint64_t id, const std::string& why) {
  const auto ended = wait_for<bool>([id, why](LedgerWriter& writer) -> Result<bool> {
    const auto done = writer.end_replay(id, why);
    if (!done) return done.error();
    return true;
  });
  if (!ended) return ended.error();
  return {};
}

Result<Expired> QueuedStore::expire_ledger(WallNs before, const std::vector<std::string>& sinks) {
  auto expired = wait_for<Expired>([=](LedgerWriter& writer) { return writer.expire_ledger(before, sinks); });
  if (!expired) return expired;
  const std::lock_guard lock(mutex_);
  stats_.expired += expired->rows;
  stats_.retention_held_by = expired->held_by;
  return expired;
}

StoreStats QueuedStore::stats() const {
  const std::lock_guard lock(mutex_);
  StoreStats stats = stats_;
  stats.queued_bytes = queued_bytes_;
  if (busy_since_) stats.busy_seconds = std::chrono::duration<double>(Steady::now() - *busy_since_).count();
  return stats;
}

std::shared_ptr<void> QueuedStore::subscribe(std::function<void()> wake) {
  auto handle = std::make_shared<std::function<void()>>(std::move(wake));
  const std::lock_guard lock(mutex_);
  std::erase_if(subscribers_, [](const auto& subscriber) { return subscriber.expired(); });
  subscribers_.push_back(handle);
  return handle;
}

void QueuedStore::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    work_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void QueuedStore::hear_of_rows(std::uint64_t last_seq) {
  {
    const std::lock_guard lock(mutex_);
    if (last_seq <= stats_.last_seq) return;
    stats_.last_seq = last_seq;
  }
  wake_all();
}

void QueuedStore::hear_of_replay() {
  ++replays_requested_;
  wake_all();
}

void QueuedStore::push(Job job) {
  queued_bytes_ += job.bytes;
  queue_.push_back(std::move(job));
  work_.notify_one();
}

/// Queues a small write and waits for its commit.
template <class T, class Apply>
Result<T> QueuedStore::wait_for(Apply apply) {
  auto outcome = std::make_shared<std::promise<Result<T>>>();
  auto value = std::make_shared<std::optional<T>>();
  auto future = outcome->get_future();
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return Error{ErrorCode::unavailable, "write to the store", "the collector is stopping", ""};
    Job job;
    job.apply = [apply = std::move(apply), value](LedgerWriter& writer) -> Result<void> {
      auto result = apply(writer);
      if (!result) return result.error();
      *value = std::move(*result);
      return {};
    };
    job.done = [outcome, value](const Result<void>& result) {
      if (result)
        outcome->set_value(std::move(**value));
      else
        outcome->set_value(result.error());
    };
    push(std::move(job));
  }
  return future.get();
}

void QueuedStore::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [this] { return stopping_ || !queue_.empty() || !cursors_.empty() || !stats_.writable; });
    if (stopping_ && queue_.empty() && cursors_.empty()) return;
    if (queue_.empty() && !cursors_.empty())
      work_.wait_for(lock, limits_.cursors_wait, [this] { return stopping_ || !queue_.empty(); });
    std::vector<Job> group;
    std::size_t bytes = 0;
    while (!queue_.empty() && (group.empty() || bytes + queue_.front().bytes <= limits_.max_group_bytes)) {
      bytes += queue_.front().bytes;
      group.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    const auto cursors = std::exchange(cursors_, {});
    busy_since_ = Steady::now();
    lock.unlock();
    const bool committed = commit(group, cursors);
    lock.lock();
    busy_since_.reset();
    queued_bytes_ -= bytes;
    if (committed) continue;
    for (const auto& [sink, seq] : cursors) {
      auto& cursor = cursors_[sink];
      cursor = std::max(cursor, seq);
    }
    if (stopping_ && queue_.empty()) return;  // cursors are best effort at the end: what they missed is sent again
    // A full disk stays full for a while: cursors and probes must not spin; a new batch is tried at once.
    work_.wait_for(lock, std::chrono::milliseconds(500), [this] { return stopping_ || !queue_.empty(); });
  }
}

/// One transaction for all; on failure nothing of it is stored and every job learns why. A group that fails for another
/// reason than the disk is tried job by job, so that one bad write cannot take its neighbours along.
bool QueuedStore::commit(std::vector<Job>& group, const std::map<std::string, std::uint64_t>& cursors) {
  const auto began = Steady::now();
  const Result<void> result = write(group, cursors);
  if (!result) {
    writer_->roll_back();
    if (group.size() > 1 && result.error().code != ErrorCode::unavailable) {
      std::vector<Job> none;
      bool all = cursors.empty() || commit(none, cursors);
      for (Job& job : group) {
        std::vector<Job> alone;
        alone.push_back(std::move(job));
        all = commit(alone, {}) && all;
      }
      return all;
    }
  }
  note(result, std::chrono::duration<double>(Steady::now() - began).count());
  for (Job& job : group) job.done(result);
  if (result) after_commit();
  return static_cast<bool>(result);
}

Result<void> QueuedStore::write(std::vector<Job>& group, const std::map<std::string, std::uint64_t>& cursors) {
  Result<void> result = writer_->begin();
  std::vector<const PreparedBatch*> batches;
  for (const Job& job : group)
    if (job.batch != nullptr) batches.push_back(job.batch);
  if (result) result = writer_->expect(batches);
  for (std::size_t i = 0; result && i < group.size(); ++i) result = group[i].apply(*writer_);
  for (auto at = cursors.begin(); result && at != cursors.end(); ++at)
    result = writer_->move_sink_cursor(at->first, at->second);
  if (result && group.empty() && cursors.empty()) result = writer_->probe();
  if (result) result = writer_->commit();
  return result;
}

void QueuedStore::note(const Result<void>& result, double seconds) {
  Wakes wakes;
  const WriteCounts counts = writer_->take_counts();
  {
    const std::lock_guard lock(mutex_);
    stats_.commit_seconds += seconds;
    stats_.writable = static_cast<bool>(result);
    if (!result) {
      ++stats_.commit_failures;
      stats_.last_error = result.error().message();
      return;
    }
    ++stats_.commits;
    stats_.stored += counts.stored;
    stats_.duplicates += counts.duplicates;
    stats_.rejected += counts.rejected;
    stats_.conflicts += counts.conflicts;
    stats_.sequence_gaps += counts.sequence_gaps;
    stats_.sequence_resets += counts.sequence_resets;
    stats_.cursors_fenced += counts.cursors_fenced;
    stats_.drifts_unreadable += counts.drifts_unreadable;
    if (counts.last_seq == 0) return;
    stats_.last_seq = std::max(stats_.last_seq, counts.last_seq);
    wakes = awake();
  }
  for (const auto& wake : wakes) (*wake)();
}

void QueuedStore::wake_all() {
  Wakes wakes;
  {
    const std::lock_guard lock(mutex_);
    wakes = awake();
  }
  for (const auto& wake : wakes) (*wake)();
}

/// With the mutex held.
QueuedStore::Wakes QueuedStore::awake() const {
  Wakes wakes;
  for (const auto& subscriber : subscribers_)
    if (auto wake = subscriber.lock()) wakes.push_back(std::move(wake));
  return wakes;
}

}  // namespace plumbline::collector
