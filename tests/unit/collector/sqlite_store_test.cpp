// The conformance suite on SQLite, and what only a file can do: be full, damaged, locked, or of another version.
#include "collector/store/sqlite_store.hpp"

#include <sqlite3.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "tests/unit/collector/receiver.hpp"
#include "tests/unit/collector/store_conformance.hpp"

namespace plumbline::collector::test {
namespace {

Result<std::unique_ptr<Store>> open_in(const std::string& directory) {
  return open_sqlite_store({.path = directory + "/plumbline.db"});
}

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreConformance, ::testing::Values(StoreFactory{"sqlite", open_in, open_in, {}}),
                         [](const auto& chosen) { return chosen.param.name; });

TEST(SqliteStore, a_second_collector_is_refused) {
  TempDirectory directory;
  const auto first = open_in(directory.path());
  ASSERT_TRUE(first);
  const auto second_one = open_in(directory.path());
  ASSERT_FALSE(second_one);
  EXPECT_NE(second_one.error().message().find("another collector uses it"), std::string::npos);
}

TEST(SqliteStore, a_file_that_is_no_database_is_refused_and_untouched) {
  TempDirectory directory;
  const std::string path = directory.path() + "/plumbline.db";
  std::ofstream(path) << std::string(10'000, 'x');
  const auto opened = open_in(directory.path());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::corrupt);
  EXPECT_FALSE(opened.error().fix.empty());
  EXPECT_EQ(std::filesystem::file_size(path), 10'000u);
}

/// Runs SQL on the file beside the store.
void run_sql(const std::string& directory, const char* sql) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((directory + "/plumbline.db").c_str(), &db), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
  sqlite3_close(db);
}

TEST(SqliteStore, a_newer_schema_is_refused) {
  TempDirectory directory;
  ASSERT_TRUE(open_in(directory.path()));
  run_sql(directory.path(), "PRAGMA user_version=99");
  const auto opened = open_in(directory.path());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::unsupported);
  EXPECT_NE(opened.error().message().find("version 99"), std::string::npos);
}

TEST(SqliteStore, a_file_of_version_1_keeps_its_records_and_positions) {
  TempDirectory directory;
  const Made node;
  {
    auto store = open_in(directory.path()).value();
    const auto three = batch(node, {finding(node, 1, "r1", "d"), finding(node, 2, "r2"), finding(node, 3, "r3")});
    ASSERT_TRUE(store_now(*store, three));
  }
  // As version 1 had it: an id was the whole ledger's. Its last row is gone, its position must not come back.
  run_sql(directory.path(),
          "CREATE TABLE old (seq INTEGER PRIMARY KEY AUTOINCREMENT, node_ref INTEGER NOT NULL,"
          " sequence INTEGER NOT NULL, type TEXT NOT NULL, id TEXT NOT NULL UNIQUE, at INTEGER NOT NULL,"
          " received_at INTEGER NOT NULL, resource TEXT NOT NULL, verdict TEXT NOT NULL, comparison TEXT NOT NULL,"
          " severity TEXT NOT NULL, drift_id TEXT NOT NULL, drift_state TEXT NOT NULL);"
          "INSERT INTO old SELECT * FROM ledger; DROP TABLE ledger;"
          "ALTER TABLE old RENAME TO ledger; CREATE INDEX ledger_by_node ON ledger (node_ref);"
          "DELETE FROM ledger WHERE seq = 3;"
          "DROP TABLE alert_silences; DROP INDEX drifts_open; ALTER TABLE drifts DROP COLUMN baseline;"
          "ALTER TABLE drifts DROP COLUMN severity; ALTER TABLE drifts DROP COLUMN live;"
          "ALTER TABLE nodes DROP COLUMN gap_since; ALTER TABLE nodes DROP COLUMN conflict_since;"
          "ALTER TABLE nodes DROP COLUMN forgotten_at; DROP TABLE enrolment_tokens; DROP TABLE handout; DROP TABLE "
          "revocations;"
          "ALTER TABLE nodes DROP COLUMN unsettled_at; ALTER TABLE nodes DROP COLUMN unsettled_by;"
          "ALTER TABLE nodes DROP COLUMN unsettled_reason;"
          "PRAGMA user_version=1;");
  auto store = open_in(directory.path()).value();
  auto rows = store->ledger_after(0, 10, 1 << 20).value();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].resource, "r2");
  EXPECT_EQ(rows[1].body, finding(node, 2, "r2").body);
  std::string severity;  // of drifts, since version 3
  ASSERT_TRUE(store->each_open_drift("r1", "base", [&](const OpenDrift& drift) { severity = drift.severity; }));
  EXPECT_EQ(severity, "high");
  EXPECT_EQ(store_now(*store, batch(node, {finding(node, 2, "r2")}))->items.at(0).status, "duplicate");
  const Made other{"00000000ffffffffffffffffffffffff", node.boot_id, "node-2"};
  ASSERT_TRUE(store_now(*store, batch(other, {finding(other, 1, "r")})));
  rows = store->ledger_after(2, 10, 1 << 20).value();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_GT(rows[0].seq, 3u);
}

TEST(SqliteStore, a_hole_of_before_version_4_is_one_that_nobody_has_looked_at) {
  TempDirectory directory;
  const Made node, other{"00000000ffffffffffffffffffffffff", node.boot_id, "node-2"};
  {
    auto store = open_in(directory.path()).value();
    for (const auto& one : {node, other}) {
      ASSERT_TRUE(store_now(*store, batch(one, {finding(one, 1, "r", "d"), finding(one, 5, "r", "d")})));
      auto forged = finding(one, 5, "r", "d");
      forged.body.replace(forged.body.find("0666"), 4, "0777");
      ASSERT_TRUE(store_now(*store, batch(one, {forged}), start + second));
    }
    ASSERT_EQ(store->acknowledge_node({other.node_id, "ann", "a disk was full", start + second}).value(), 2u);
  }
  run_sql(directory.path(),
          "UPDATE nodes SET gap_since = 0, conflict_since = 0; ALTER TABLE nodes DROP COLUMN unsettled_at;"
          "ALTER TABLE nodes DROP COLUMN unsettled_by; ALTER TABLE nodes DROP COLUMN unsettled_reason;"
          "PRAGMA user_version=5;");
  auto store = open_in(directory.path()).value();
  const auto nodes = store->nodes().value();
  ASSERT_EQ(nodes.size(), 2u);
  EXPECT_EQ(nodes[0].gap_since, start);
  EXPECT_EQ(nodes[0].conflict_since, start + second);
  EXPECT_EQ(nodes[1].gap_since, 0) << "somebody has looked";
  EXPECT_EQ(nodes[1].conflict_since, 0);
  EXPECT_EQ(store->acknowledge_node({node.node_id, "ann", "a disk was full", start + second}).value(), 2u);
}

TEST(SqliteStore, a_missing_directory_is_named) {
  const auto opened = open_in("/nonexistent/plumbline");
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message().find("/nonexistent/plumbline"), std::string::npos);
}

TEST(SqliteStore, cursors_that_move_alone_wait_for_each_other_and_not_for_batches) {
  TempDirectory directory;
  constexpr auto wait = std::chrono::milliseconds(50);
  auto opened = open_sqlite_store({.path = directory.path() + "/plumbline.db", .queue = {.cursors_wait = wait}});
  ASSERT_TRUE(opened);
  Store& store = **opened;
  ASSERT_TRUE(store.take_sink("soc").value().ours);
  const auto began = std::chrono::steady_clock::now();
  std::uint64_t moved = 0;
  ASSERT_TRUE(eventually([&] {
    store.move_sink_cursor("soc", ++moved);
    return store.stats().commits >= 4;
  }));
  EXPECT_GE(std::chrono::steady_clock::now() - began, 4 * wait);
  ASSERT_TRUE(eventually([&] { return store.sink_cursor("soc").value() == moved; })) << "the last one, too";

  auto patient =
      open_sqlite_store({.path = directory.path() + "/other.db", .queue = {.cursors_wait = std::chrono::hours(1)}});
  ASSERT_TRUE(patient);
  (*patient)->move_sink_cursor("soc", 7);
  const Made node;
  ASSERT_TRUE(store_now(**patient, batch(node, {finding(node, 1, "r")})))
      << "a batch does not wait, and takes it along";
  EXPECT_EQ((*patient)->sink_cursor("soc").value(), 7u);
  (*patient)->move_sink_cursor("soc", 8);
  (*patient)->stop();
  EXPECT_EQ((*patient)->sink_cursor("soc").value(), 8u) << "nor does stop()";
}

TEST(SqliteStore, a_full_queue_turns_batches_away) {
  TempDirectory directory;
  auto opened = open_sqlite_store({.path = directory.path() + "/plumbline.db", .queue = {.max_queued_bytes = 1}});
  ASSERT_TRUE(opened);
  Store& store = **opened;
  // The writer's thread waits in the first callback, so that the queue cannot drain.
  std::promise<void> held, let_go;
  auto wait = let_go.get_future().share();
  const Made node;
  ASSERT_TRUE(store.submit(prepared(batch(node, {finding(node, 1, "r")})), [&](const auto&) {
    held.set_value();
    wait.wait();
  }));
  held.get_future().wait();
  const auto refused = store.submit(prepared(batch(node, {finding(node, 2, "r")})), [](const auto&) {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  let_go.set_value();
  store.stop();  // the callback uses what is declared after the store
}

TEST(SqliteStore, a_question_that_takes_too_long_is_cut_and_counted) {
  TempDirectory directory;
  auto store =
      open_sqlite_store({.path = directory.path() + "/plumbline.db", .query_limit = std::chrono::milliseconds(0)})
          .value();
  const Made node;
  std::vector<wire::Record> records;
  for (std::uint64_t i = 1; i <= 500; ++i) records.push_back(finding(node, i, "file:/etc/" + std::to_string(i)));
  ASSERT_TRUE(store_now(*store, batch(node, records)));
  Query query;
  query.resource = "*no such*";
  const auto cut = store->findings(query);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, ErrorCode::unavailable);
  EXPECT_NE(cut.error().message().find("took longer"), std::string::npos) << cut.error().message();
  EXPECT_FALSE(cut.error().fix.empty());
  EXPECT_EQ(store->stats().queries_cut, 1u);
  EXPECT_EQ(store->ledger_after(0, 1000, 1 << 20).value().size(), 500u) << "sinks and streams are never cut";
  EXPECT_TRUE(store_now(*store, batch(node, {finding(node, 501, "r")}))) << "nor is the writer";
}

/// A small file system of its own.
class FullDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting a small tmpfs needs root";
    if (::mount("tmpfs", directory_.path().c_str(), "tmpfs", 0, "size=2m") != 0)
      GTEST_SKIP() << "cannot mount a tmpfs here: " << std::strerror(errno);
    mounted_ = true;
  }
  void TearDown() override {
    if (mounted_) ::umount2(directory_.path().c_str(), MNT_DETACH);
  }
  void fill() {
    std::ofstream ballast(directory_.path() + "/ballast", std::ios::binary);
    const std::string block(4096, 'b');
    while (ballast.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  void make_room() { std::filesystem::remove(directory_.path() + "/ballast"); }

  TempDirectory directory_;
  bool mounted_ = false;
};

TEST_F(FullDisk, refuses_batches_keeps_reading_and_recovers) {
  auto opened = open_in(directory_.path());
  ASSERT_TRUE(opened) << opened.error().message();
  Store& store = **opened;
  const Made node;
  ASSERT_TRUE(store_now(store, batch(node, {finding(node, 1, "r", "d")})));
  fill();
  Result<wire::Ack> ack = wire::Ack{};
  std::uint64_t sequence = 2;
  for (; ack && sequence < 5000; ++sequence) ack = store_now(store, batch(node, {finding(node, sequence, "r", "d")}));
  ASSERT_FALSE(ack) << "the disk never filled";
  EXPECT_EQ(ack.error().code, ErrorCode::unavailable) << ack.error().message();
  EXPECT_FALSE(store.stats().writable);
  const std::uint64_t refused = sequence - 1;
  EXPECT_EQ(store.findings({}).value().items.at(0).sequence, refused - 1) << "reads go on, nothing half-written";

  make_room();
  EXPECT_TRUE(eventually([&] { return store.stats().writable; })) << "it finds out by itself";
  for (std::uint64_t s = refused; s < refused + 3; ++s) {
    const auto again = store_now(store, batch(node, {finding(node, s, "r", "d")}));
    ASSERT_TRUE(again) << again.error().message();
    EXPECT_EQ(again->items.at(0).status, "stored");
  }
  EXPECT_TRUE(store.stats().writable);
  EXPECT_EQ(store.stats().sequence_gaps, 0u);
}

}  // namespace
}  // namespace plumbline::collector::test
