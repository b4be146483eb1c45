#include "collector/store/sqlite_store.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "collector/store/sqlite_checkpoint.hpp"
#include "collector/store/sqlite_reader.hpp"
#include "collector/store/sqlite_schema.hpp"
#include "collector/store/sqlite_writer.hpp"
#include "include/util/fd.hpp"

namespace plumbline::collector {
namespace {

using Steady = std::chrono::steady_clock;

/// One waiting write: `apply` inside the transaction, `done` after it, both on the writer's thread.
struct Job {
  std::function<Result<void>(SqliteWriter&)> apply;
  std::function<void(const Result<void>&)> done;
  std::size_t bytes = 0;
};

Result<Fd> lock_file(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return io_error("open the store's lock " + path, errno, "check that its directory exists and is writable");
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
    return Error{ErrorCode::unavailable, "lock the store " + path, "another collector uses it",
                 "stop that one, or give this one another store"};
  return fd;
}

class SqliteStore final : public Store {
 public:
  SqliteStore(const SqliteOptions& options, Fd lock, Database database)
      : options_(options),
        lock_(std::move(lock)),
        database_(std::move(database)),
        reader_(options.path, options.query_limit) {}
  ~SqliteStore() override { stop(); }

  Result<void> start() {
    auto writer = SqliteWriter::make(database_);
    if (!writer) return writer.error();
    writer_ = std::move(*writer);
    const auto checkpoints = checkpoints_.start(database_);
    if (!checkpoints) return checkpoints.error();
    const auto last = reader_.last_seq();
    if (!last) return last.error();
    stats_.last_seq = *last;
    thread_ = std::thread([this] { run(); });
    return {};
  }

  Result<void> submit(PreparedBatch batch, std::function<void(Result<wire::Ack>)> done) override {
    struct Ingest {
      PreparedBatch batch;
      wire::Ack ack;
    };
    auto ingest = std::make_shared<Ingest>();
    ingest->batch = std::move(batch);
    Job job;
    job.bytes = ingest->batch.bytes;
    job.apply = [ingest](SqliteWriter& writer) -> Result<void> {
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
    if (queued_bytes_ != 0 && queued_bytes_ + job.bytes > options_.max_queued_bytes)
      return Error{ErrorCode::unavailable, "store a batch",
                   "the queue holds " + std::to_string(queued_bytes_) + " bytes already", "send it again later"};
    push(std::move(job));
    return {};
  }

  Result<std::size_t> report_silence(std::int64_t heard_before, WallNs now) override {
    return wait_for<std::size_t>([=](SqliteWriter& writer) { return writer.report_silence(heard_before, now); });
  }

  Result<std::vector<LedgerRecord>> ledger_after(std::uint64_t seq, std::size_t limit,
                                                 std::size_t max_bytes) const override {
    return reader_.ledger_after(seq, limit, max_bytes);
  }
  Result<Page<LedgerRecord>> findings(const Query& query) const override { return reader_.findings(query); }
  Result<Page<DriftRow>> drifts(const Query& query) const override { return reader_.drifts(query); }
  Result<Page<DriftRow>> resources(const Query& query) const override { return reader_.resources(query); }
  Result<std::vector<NodeRow>> nodes() const override { return reader_.nodes(); }

  Result<void> each_open_drift(const std::string& resource, const std::string& baseline,
                               const std::function<void(const OpenDrift&)>& visit) const override {
    return reader_.each_open_drift(resource, baseline, visit);
  }
  Result<std::vector<DriftRow>> open_drifts_between(std::uint64_t after, std::uint64_t before,
                                                    std::size_t limit) const override {
    return reader_.open_drifts_between(after, before, limit);
  }

  Result<AlertSilence> add_silence(AlertSilence silence) override {
    auto added = wait_for<std::optional<AlertSilence>>(
        [silence = std::move(silence)](SqliteWriter& writer) { return writer.add_silence(silence); });
    if (!added) return added.error();
    if (!*added)
      return invalid("add a silence", std::to_string(max_active_silences) + " are active, the most that may be",
                     "end some: GET /v1/silences?state=active lists them");
    return std::move(**added);
  }
  Result<AlertSilence> end_silence(std::uint64_t id, const std::string& by, WallNs now) override {
    auto ended =
        wait_for<std::optional<AlertSilence>>([=](SqliteWriter& writer) { return writer.end_silence(id, by, now); });
    if (!ended) return ended.error();
    if (!*ended)
      return Error{ErrorCode::not_found, "end silence " + std::to_string(id), "there is none of this id",
                   "list GET /v1/silences"};
    return std::move(**ended);
  }
  Result<std::size_t> expire_silences(WallNs now) override {
    const auto due = reader_.silences_are_due(now);  // so that a second in which none is costs no write
    if (!due) return due.error();
    if (!*due) return std::size_t{0};
    return wait_for<std::size_t>([=](SqliteWriter& writer) { return writer.expire_silences(now); });
  }
  Result<Page<AlertSilence>> silences(const Query& query) const override { return reader_.silences(query); }
  Result<std::vector<AlertSilence>> silences_over(std::uint64_t first, std::uint64_t last) const override {
    return reader_.silences_over(first, last);
  }

  Result<std::optional<std::uint64_t>> sink_cursor(const std::string& sink) const override {
    return reader_.sink_cursor(sink);
  }

  void move_sink_cursor(const std::string& sink, std::uint64_t seq) override {
    const std::lock_guard lock(mutex_);
    auto& cursor = cursors_[sink];
    cursor = std::max(cursor, seq);
    work_.notify_one();
  }

  Result<void> add_dead_letter(DeadLetter letter) override {
    const auto added = wait_for<bool>(
        [letter = std::move(letter)](SqliteWriter& writer) { return writer.add_dead_letter(letter, Digest{}); });
    if (!added) return added.error();
    return {};
  }
  Result<Page<DeadLetter>> dead_letters(const Query& query) const override { return reader_.dead_letters(query); }
  Result<std::uint64_t> count_dead_letters(const std::string& origin) const override {
    return reader_.count_dead_letters(origin);
  }
  Result<std::size_t> request_replay(const std::string& origin) override {
    return wait_for<std::size_t>([origin](SqliteWriter& writer) { return writer.request_replay(origin); });
  }
  Result<std::vector<DeadLetter>> replays(const std::string& origin, std::size_t limit) const override {
    return reader_.replays(origin, limit);
  }
  Result<void> end_replay(std::uint64_t id, const std::string& why) override {
    const auto ended = wait_for<bool>([id, why](SqliteWriter& writer) -> Result<bool> {
      const auto done = writer.end_replay(id, why);
      if (!done) return done.error();
      return true;
    });
    if (!ended) return ended.error();
    return {};
  }

  StoreStats stats() const override {
    const std::lock_guard lock(mutex_);
    StoreStats stats = stats_;
    stats.queued_bytes = queued_bytes_;
    stats.queries_cut = reader_.cut();
    if (busy_since_) stats.busy_seconds = std::chrono::duration<double>(Steady::now() - *busy_since_).count();
    return stats;
  }

  std::shared_ptr<void> subscribe(std::function<void()> wake) override {
    auto handle = std::make_shared<std::function<void()>>(std::move(wake));
    const std::lock_guard lock(mutex_);
    std::erase_if(subscribers_, [](const auto& subscriber) { return subscriber.expired(); });
    subscribers_.push_back(handle);
    return handle;
  }

  void stop() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      work_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
    checkpoints_.stop();
  }

 private:
  void push(Job job) {
    queued_bytes_ += job.bytes;
    queue_.push_back(std::move(job));
    work_.notify_one();
  }

  /// Queues a small write and waits for its commit.
  template <class T, class Apply>
  Result<T> wait_for(Apply apply) {
    auto outcome = std::make_shared<std::promise<Result<T>>>();
    auto value = std::make_shared<std::optional<T>>();
    auto future = outcome->get_future();
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return Error{ErrorCode::unavailable, "write to the store", "the collector is stopping", ""};
      Job job;
      job.apply = [apply = std::move(apply), value](SqliteWriter& writer) -> Result<void> {
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

  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      work_.wait(lock, [this] { return stopping_ || !queue_.empty() || !cursors_.empty() || !stats_.writable; });
      if (stopping_ && queue_.empty() && cursors_.empty()) return;
      std::vector<Job> group;
      std::size_t bytes = 0;
      while (!queue_.empty() && (group.empty() || bytes + queue_.front().bytes <= options_.max_group_bytes)) {
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

  /// One transaction for all; on failure nothing of it is stored and every job learns why. A group that fails for
  /// another reason than the disk is tried job by job, so that one bad write cannot take its neighbours along.
  bool commit(std::vector<Job>& group, const std::map<std::string, std::uint64_t>& cursors) {
    const auto began = Steady::now();
    Result<void> result = database_.execute("BEGIN IMMEDIATE");
    for (std::size_t i = 0; result && i < group.size(); ++i) result = group[i].apply(*writer_);
    if (result) result = save_cursors(cursors);
    if (result && group.empty() && cursors.empty()) result = writer_->probe();
    if (result) result = database_.execute("COMMIT");
    if (!result) {
      if (database_.in_transaction()) (void)database_.execute("ROLLBACK");
      writer_->forget();
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
    if (result) checkpoints_.after_commit(database_);
    return static_cast<bool>(result);
  }

  Result<void> save_cursors(const std::map<std::string, std::uint64_t>& cursors) {
    for (const auto& [sink, seq] : cursors) {
      auto saved = writer_->move_sink_cursor(sink, seq);
      if (!saved) return saved;
    }
    return {};
  }

  void note(const Result<void>& result, double seconds) {
    std::vector<std::shared_ptr<std::function<void()>>> awake;
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
      if (counts.last_seq == 0) return;
      stats_.last_seq = counts.last_seq;
      for (const auto& subscriber : subscribers_)
        if (auto wake = subscriber.lock()) awake.push_back(std::move(wake));
    }
    for (const auto& wake : awake) (*wake)();
  }

  const SqliteOptions options_;
  Fd lock_;
  Database database_;                     // the writer's thread only, once start() returned
  std::unique_ptr<SqliteWriter> writer_;  // likewise
  SqliteReader reader_;
  SqliteCheckpoints checkpoints_;

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable work_;
  std::deque<Job> queue_;
  std::size_t queued_bytes_ = 0;
  std::map<std::string, std::uint64_t> cursors_;
  StoreStats stats_;
  std::vector<std::weak_ptr<std::function<void()>>> subscribers_;
  std::optional<Steady::time_point> busy_since_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const SqliteOptions& options) {
  auto lock = lock_file(options.path + ".lock");
  if (!lock) return lock.error();
  auto database = open_for_writing(options.path);
  if (!database) return database.error();
  auto store = std::make_unique<SqliteStore>(options, std::move(*lock), std::move(*database));
  const auto started = store->start();
  if (!started) return started.error();
  return std::unique_ptr<Store>(std::move(store));
}

}  // namespace plumbline::collector
