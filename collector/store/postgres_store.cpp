#include "collector/store/postgres_store.hpp"

#include <array>
#include <random>
#include <span>

#include "collector/store/postgres_enrolment.hpp"
#include "collector/store/postgres_pool.hpp"
#include "collector/store/postgres_reader.hpp"
#include "collector/store/postgres_schema.hpp"
#include "collector/store/postgres_silences.hpp"
#include "collector/store/postgres_turns.hpp"
#include "collector/store/postgres_writer.hpp"
#include "include/util/hex.hpp"

namespace plumbline::collector {
namespace {

/// A name that no collector had before.
std::string draw_name() {
  std::random_device source;
  std::array<std::uint32_t, 4> words{};
  for (auto& word : words) word = source();
  return to_hex(std::as_bytes(std::span(words)));
}

class PostgresStore final : public QueuedStore {
 public:
  explicit PostgresStore(const PostgresOptions& options)
      : QueuedStore(options.queue),
        target_(options.target),
        part_lasts_(options.retention / 8),
        pool_(options.target, options.query_limit),
        reader_(pool_),
        turns_(options.target, draw_name(),
               {[this](std::uint64_t seq) { hear_of_rows(seq); }, [this] { hear_of_replay(); }}) {}
  ~PostgresStore() override { PostgresStore::stop(); }

  Result<void> start() {
    auto writer = std::make_unique<PostgresWriter>(target_, turns_, part_lasts_);
    writer_ = writer.get();
    const auto last = reader_.last_seq();
    if (!last) return last.error();
    if (auto started = turns_.start(); !started) return started;
    QueuedStore::start(std::move(writer), *last);
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
    return pool_.query([&](PgConnection& connection) { return read_silences(connection, query); });
  }
  Result<std::vector<AlertSilence>> silences_over(std::uint64_t first, std::uint64_t last) const override {
    return pool_.run([=](PgConnection& connection) { return read_silences_over(connection, first, last); });
  }
  Result<std::vector<EnrolmentToken>> enrolment_tokens() const override {
    return pool_.query([](PgConnection& connection) { return read_tokens(connection); });
  }
  Result<std::vector<Revocation>> revocations() const override {
    return pool_.run([](PgConnection& connection) { return read_revocations(connection); });
  }
  Result<HandoutNumber> last_handout() const override {
    return pool_.run([](PgConnection& connection) { return read_handout(connection); });
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

  Result<SinkTurn> take_sink(const std::string& sink) override {
    return pool_.run([&](PgConnection& connection) { return turns_.take(connection, sink); });
  }
  bool has_sink(const std::string& sink) const override { return turns_.has(sink); }

  StoreStats stats() const override {
    StoreStats stats = QueuedStore::stats();
    stats.queries_cut = pool_.cut();
    stats.lost_connections = turns_.lost_connections();
    return stats;
  }

  void stop() override {
    QueuedStore::stop();
    turns_.stop();
    // Behind the cursors' last moves, so that whoever comes next begins where this one ended.
    if (writer_ != nullptr) (void)std::exchange(writer_, nullptr)->leave_turns();
  }

 private:
  Result<bool> silence_is_due(std::int64_t heard_before, std::chrono::nanoseconds after) const override {
    return pool_.run(
        [&](PgConnection& connection) { return read_nodes_silent(connection, turns_.me(), heard_before, after); });
  }
  Result<bool> alert_silences_are_due(WallNs now) const override {
    return pool_.run([=](PgConnection& connection) { return read_silences_due(connection, now); });
  }
  Result<bool> drift_is_unsettled() const override {
    return pool_.run([](PgConnection& connection) -> Result<bool> {
      const auto left = connection.run("SELECT ref FROM nodes WHERE unsettled_at <> 0 LIMIT 1");
      if (!left) return left.error();
      return !left->empty();
    });
  }

  const PostgresTarget target_;
  const std::chrono::nanoseconds part_lasts_;
  PgPool pool_;
  PostgresReader reader_;
  PostgresTurns turns_;
  PostgresWriter* writer_ = nullptr;  // QueuedStore's; after its thread has ended, ours to use
};

}  // namespace

Result<std::unique_ptr<Store>> open_postgres_store(const PostgresOptions& options) {
  auto connection = PgConnection::open(options.target);
  if (!connection) return connection.error();
  if (const auto made = bring_up_to_date(*connection); !made) return made.error();
  if (const auto whole = check_import(*connection); !whole) return whole.error();
  if (const auto agreed = agree_on_keys(*connection, options.keys); !agreed) return agreed.error();
  auto store = std::make_unique<PostgresStore>(options);
  if (const auto started = store->start(); !started) return started.error();
  return std::unique_ptr<Store>(std::move(store));
}

}  // namespace plumbline::collector
