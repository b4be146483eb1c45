// From a SQLite file to PostgreSQL: what is there afterwards, and what is not begun twice.
#include "collector/store/migrate.hpp"

#include "collector/store/sqlite_store.hpp"
#include "tests/unit/collector/postgres_fixture.hpp"

namespace plumbline::collector::test {
namespace {

using wire::DriftState;

auto fields(const LedgerRecord& r) {
  return std::tuple(r.seq, r.node_id, r.node, r.sequence, r.type, r.id, r.at, r.received_at, r.resource, r.verdict,
                    r.comparison, r.severity, r.drift_id, r.drift_state, r.body);
}
auto fields(const DriftRow& r) {
  return std::tuple(r.id, r.seq, r.node_id, r.node, r.resource, r.state, r.comparison, r.updated_at, r.body);
}
auto fields(const NodeRow& r) {
  return std::pair(std::tuple(r.node_id, r.node, r.labels_json, r.boot_id, r.agent_version, r.health_json, r.first_seen,
                              r.last_seen, r.first_sequence),
                   std::tuple(r.accepted_through, r.oldest_unsent, r.epoch, r.sequence_gaps, r.missing, r.silent_since,
                              r.open_drifts));
}
auto fields(const DeadLetter& r) {
  return std::tuple(r.id, r.origin, r.seq, r.node_id, r.sequence, r.record_id, r.why, r.at, r.replaying, r.body);
}
auto fields(const AlertSilence& r) {
  return std::tuple(r.id, r.resource, r.node, r.until, r.reason, r.created_by, r.created_at, r.begin_seq, r.end_seq);
}

auto fields(const EnrolmentToken& r) {
  return std::tuple(r.digest, r.node, r.until, r.used_by);
}

auto fields(const Revocation& r) {
  return std::tuple(r.node, r.before, r.by, r.reason);
}

template <class Rows>
void expect_same(const Rows& a, const Rows& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(fields(a[i]), fields(b[i])) << i;
}

class Migrate : public PostgresStores {
 protected:
  std::string path() const { return directory_.path() + "/plumbline.db"; }
  std::unique_ptr<Store> sqlite() { return open_sqlite_store({.path = path()}).value(); }
  Result<Migration> run() { return migrate(path(), target_in(directory_.path())); }

  /// All that a store can hold.
  void fill(Store& store) {
    ASSERT_TRUE(store_now(store, batch(node_, {finding(node_, 1, "r1", "d1"), finding(node_, 2, "r2", "d2")})));
    auto other = finding(node_, 1, "r1", "d1");
    other.body.replace(other.body.find("0666"), 4, "0777");
    ASSERT_TRUE(store_now(store, batch(node_, {other, finding(node_, 7, "r2", "d2", DriftState::resolved)})));
    ASSERT_TRUE(store_now(store, batch({"00000000ffffffffffffffffffffffff", "b0", "node-2"}, {})));
    AlertSilence silence;
    silence.resource = "file:/*";
    silence.reason = "a rollout";
    silence.created_at = start;
    ASSERT_TRUE(store.end_silence(store.add_silence(silence)->id, "ann", start));
    ASSERT_TRUE(store.add_silence(silence));
    DeadLetter letter;
    letter.origin = "sink:soc";
    letter.seq = 2;
    letter.body = std::string("\xff\0", 2);
    ASSERT_TRUE(store.add_dead_letter(letter));
    ASSERT_TRUE(store.request_replay("sink:soc"));
    ASSERT_TRUE(store.add_enrolment_token({std::string(64, 'a'), "web-1", 9, ""}, 0).value());
    ASSERT_TRUE(store.use_enrolment_token(std::string(64, 'a'), "key", 0));
    ASSERT_TRUE(store.revoke_node({"web-2", 7, "ann", "its disk was stolen"}).value());
    store.move_sink_cursor("soc", 3);
    store.move_sink_cursor("chat", 4);
    ASSERT_EQ(store.report_silence(INT64_MAX, hour, start).value(), 2u);
  }
};

TEST_F(Migrate, all_is_there_in_its_place_and_goes_on) {
  auto from = sqlite();
  fill(*from);
  from.reset();
  const auto done = run();
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_TRUE(done->whole);
  EXPECT_EQ(done->altered, 0u);
  from = sqlite();
  const auto to = another();
  ASSERT_TRUE(to);
  expect_same(from->ledger_after(0, 1000, 1 << 30).value(), to->ledger_after(0, 1000, 1 << 30).value());
  expect_same(from->drifts({})->items, to->drifts({})->items);
  expect_same(from->nodes().value(), to->nodes().value());
  expect_same(from->dead_letters({})->items, to->dead_letters({})->items);
  expect_same(from->silences({})->items, to->silences({})->items);
  expect_same(from->enrolment_tokens().value(), to->enrolment_tokens().value());
  expect_same(from->revocations().value(), to->revocations().value());
  for (const char* sink : {"soc", "chat", "new"})
    EXPECT_EQ(from->sink_cursor(sink).value(), to->sink_cursor(sink).value());
  EXPECT_EQ(to->replays("sink:soc", 9)->size(), 1u);
  const auto end = to->stats().last_seq;
  const auto ack =
      store_now(*to, batch(node_, {finding(node_, 7, "r2", "d2", DriftState::resolved), finding(node_, 8, "r9")}));
  ASSERT_TRUE(ack) << ack.error().message();
  EXPECT_EQ(ack->items.at(0).status, "duplicate");
  EXPECT_EQ(ack->items.at(1).status, "stored");
  EXPECT_EQ(to->add_silence({})->id, 3u) << "ids go on behind those of the file";
  EXPECT_GT(to->ledger_after(end, 9, 1 << 20)->at(0).seq, end) << "and so do positions";
  EXPECT_EQ(to->stats().sequence_gaps, 0u);
}

TEST_F(Migrate, while_a_collector_runs_the_rest_comes_after_it) {
  auto from = sqlite();
  fill(*from);
  const auto before = from->ledger_after(0, 1000, 1 << 30)->size();
  auto done = run();
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_FALSE(done->whole);
  EXPECT_EQ(done->rows, before);
  const auto early = open_in(directory_.path());
  ASSERT_FALSE(early);
  EXPECT_NE(early.error().message().find("in part"), std::string::npos) << early.error().message();
  ASSERT_TRUE(store_now(*from, batch(node_, {finding(node_, 8, "r8", "d8")})));
  from.reset();
  done = run();
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_TRUE(done->whole);
  EXPECT_EQ(done->rows, 2u) << "the finding, and that its node is heard again";
  from = sqlite();
  expect_same(from->ledger_after(0, 1000, 1 << 30).value(), another()->ledger_after(0, 1000, 1 << 30).value());
}

TEST_F(Migrate, a_store_with_a_ledger_of_its_own_is_left_alone) {
  ASSERT_TRUE(store_now(*another(), batch(node_, {finding(node_, 1, "r")})));
  fill(*sqlite());
  const auto done = run();
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message().find("a ledger of its own"), std::string::npos) << done.error().message();
  EXPECT_EQ(another()->ledger_after(0, 10, 1 << 20)->size(), 1u);
}

}  // namespace
}  // namespace plumbline::collector::test
