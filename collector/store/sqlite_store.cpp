#include "collector/store/sqlite_store.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "collector/store/sqlite_checkpoint.hpp"
#include "collector/store/sqlite_enrolment.hpp"
#include "collector/store/sqlite_reader.hpp"
#include "collector/store/sqlite_schema.hpp"
#include "collector/store/sqlite_silences.hpp"
#include "collector/store/sqlite_writer.hpp"
#include "include/util/fd.hpp"

namespace plumbline::collector {
namespace {

Result<Fd> lock_file(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return io_error("open the store's lock " + path, errno, "check that its directory exists and is writable");
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
    return Error{ErrorCode::unavailable, "lock the store " + path, "another collector uses it",
                 "stop that one, or give this one another store"};
  return fd;
}

class SqliteStore final : public QueuedStore {
 public:
  SqliteStore(const SqliteOptions& options, Fd lock, Database database)
      : QueuedStore(options.queue),
        lock_(std::move(lock)),
        database_(std::move(database)),
        reader_(options.path, options.query_limit) {}
  ~SqliteStore() override { SqliteStore::stop(); }

  Result<void> start() {
    auto writer = SqliteWriter::make(database_);
    if (!writer) return writer.error();
    const auto checkpoints = checkpoints_.start(database_);
    if (!checkpoints) return checkpoints.error();
    const auto last = reader_.last_seq();
    if (!last) return last.error();
    QueuedStore::start(std::move(*writer), *last);
    return {};
  }

  Result<std::vector<LedgerRecord>> ledger_after(std::uint64_t seq, std::size_t limit,
                                                 std::size_t max_bytes) const override {
    return reader_.ledger_after(seq, limit, max_bytes);
  }
  Result<Page<LedgerRecord>> findings(const Query& query) const override { return reader_.findings(query); }
  Result<Page<DriftRow>> drifts(const Query& query) const override { return reader_.drifts(query); }
  Result<Page<DriftRow>> resources(const Query& query) const override { return reader_.resources(query); }
  Result<std::vector<NodeRow>> nodes() const override { return reader_.nodes(); }
  Result<std::optional<std::string>> node_name(const std::string& node_id) const override {
    return reader_.node_name(node_id);
  }
  Result<void> each_open_drift(const std::string& resource, const std::string& baseline,
                               const std::function<void(const OpenDrift&)>& visit) const override {
    return reader_.each_open_drift(resource, baseline, visit);
  }
  Result<std::vector<DriftRow>> open_drifts_between(std::uint64_t after, std::uint64_t before,
                                                    std::size_t limit) const override {
    return reader_.open_drifts_between(after, before, limit);
  }
  Result<Page<AlertSilence>> silences(const Query& query) const override {
    return reader_.query([&](Database& database) { return read_silences(database, query); });
  }
  Result<std::vector<AlertSilence>> silences_over(std::uint64_t first, std::uint64_t last) const override {
    return reader_.run([=](Database& database) { return read_silences_over(database, first, last); });
  }
  Result<std::vector<EnrolmentToken>> enrolment_tokens() const override {
    return reader_.query([](Database& database) { return read_tokens(database); });
  }
  Result<std::vector<Revocation>> revocations() const override {
    return reader_.run([](Database& database) { return read_revocations(database); });
  }
  Result<HandoutNumber> last_handout() const override {
    return reader_.run([](Database& database) { return read_handout(database); });
  }
  Result<std::optional<std::uint64_t>> sink_cursor(const std::string& sink) const override {
    return reader_.sink_cursor(sink);
  }
  Result<Page<DeadLetter>> dead_letters(const Query& query) const override { return reader_.dead_letters(query); }
  Result<std::uint64_t> count_dead_letters(const std::string& origin) const override {
    return reader_.count_dead_letters(origin);
  }
  Result<std::vector<DeadLetter>> replays(const std::string& origin, std::size_t limit) const override {
    return reader_.replays(origin, limit);
  }

  // The file's lock keeps other collectors out, so every sink is ours.
  Result<SinkTurn> take_sink(const std::string& sink) override {
    const auto cursor = reader_.sink_cursor(sink);
    if (!cursor) return cursor.error();
    return SinkTurn{true, *cursor};
  }
  bool has_sink(const std::string&) const override { return true; }

  StoreStats stats() const override {
    StoreStats stats = QueuedStore::stats();
    stats.queries_cut = reader_.cut();
    return stats;
  }

  void stop() override {
    QueuedStore::stop();
    checkpoints_.stop();
  }

 private:
  // Who was heard is known to the writer's thread alone, from memory.
  Result<bool> silence_is_due(std::int64_t, std::chrono::nanoseconds) const override { return true; }
  Result<bool> alert_silences_are_due(WallNs now) const override {
    return reader_.run([=](Database& database) { return read_silences_due(database, now); });
  }
  Result<bool> drift_is_unsettled() const override {
    return reader_.run([](Database& database) -> Result<bool> {
      const auto left = database.number("SELECT count(*) FROM nodes WHERE unsettled_at <> 0");
      if (!left) return left.error();
      return *left > 0;
    });
  }
  void after_commit() override { checkpoints_.after_commit(database_); }

  Fd lock_;
  Database database_;  // the writer's thread only, once start() returned
  SqliteReader reader_;
  SqliteCheckpoints checkpoints_;
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
