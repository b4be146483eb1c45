// Baselines that the collector hands out, beside those of the node's own.
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/unit/observer/handed_fixture.hpp"

namespace plumbline::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using wire::DriftState;

TEST_F(ObserverHanded, the_same_drift_whoever_reads_the_baseline) {
  start_with({});
  take({handed("ops", "1", entry(file_))});
  const auto first = only_drift();
  ASSERT_EQ(first.state, DriftState::open);

  write_own();
  observer_->set_sources({own("ops")});
  EXPECT_EQ(only_drift().id, first.id);
  EXPECT_EQ(only_drift().state, DriftState::open);
  EXPECT_THAT(state_.status_json(), HasSubstr(dir_ / "own.yaml"));

  observer_->set_sources({});
  EXPECT_EQ(only_drift().id, first.id);
  EXPECT_EQ(only_drift().state, DriftState::open);
  EXPECT_THAT(state_.status_json(), HasSubstr("/of/the/collector/ops"));
  take({});
  EXPECT_EQ(only_drift().state, DriftState::accepted);
}

// What is in force is compared by the key that it was made under, until the other is.

TEST_F(ObserverHanded, a_baseline_of_the_nodes_own_that_cannot_be_read_yet_changes_nothing) {
  const std::string state =
      R"({"version":4,"serial":1,"lineage":"a","resources":[{"mode":"managed","type":"local_sensitive_file","name":"f",)"
      R"("provider":"provider[\"registry.terraform.io/hashicorp/local\"]","instances":[{"attributes":{"filename":")" +
      file_ + R"(","content":"x","file_permission":"0600","directory_permission":"0700"}}]}]})";
  const baseline::SourceSpec spec{"ops", "terraform_state", dir_ / "own.tfstate"};
  start_with({});
  take({test::handed_baseline("ops", "terraform_state", state, fleet_key_, dir_ / "scratch")});
  ASSERT_EQ(state_.resources().at(0).comparison, wire::ComparisonResult::match);
  observer_->set_sources({spec});
  EXPECT_THAT(blind_spots(), HasSubstr("baseline_stale ops: "));
  kernel_.touch(file_);
  observer_->on_ring();
  EXPECT_TRUE(state_.drifts().empty());
  dir_.write("own.tfstate", state);
  kernel_.touch(dir_.path());
  observer_->on_ring();
  clock_.pass(std::chrono::seconds(11));
  observer_->on_timer();
  EXPECT_THAT(blind_spots(), Not(HasSubstr("baseline_stale ops")));
  kernel_.touch(file_);
  observer_->on_ring();
  EXPECT_TRUE(state_.drifts().empty());
}

TEST_F(ObserverHanded, what_is_missing_in_a_list_stays) {
  start_with({});
  take({handed("ops", "1", entry(file_))});
  take({}, {"ops"});
  EXPECT_EQ(only_drift().state, DriftState::open);
  EXPECT_THAT(blind_spots(), HasSubstr("has not read ops yet"));
}

TEST_F(ObserverHanded, one_that_was_kept_and_is_damaged_lets_go_of_nothing) {
  start_with({});
  take({handed("ops", "1", entry(file_)), handed("web", "1", "[]")});
  ASSERT_EQ(only_drift().state, DriftState::open);
  observer_.reset();
  auto kept = std::make_shared<fetch::Handed>();
  kept->sequence = 1;
  kept->baselines = {handed("web", "1", "[]")};
  kept->missing = {"ops"};
  kept->damage = {"ops.index is damaged"};
  start_with({}, kept);
  EXPECT_EQ(only_drift().state, DriftState::open);
  EXPECT_THAT(blind_spots(), HasSubstr("collector: ops.index is damaged; the collector has not read ops yet"));
}

/// Each look at it takes 100 ms.
class SlowClock final : public Clock {
 public:
  WallNs wall() const override { return 1'795'000'000'000'000'000; }
  std::int64_t boot() const override { return now_ += 100'000'000; }

 private:
  mutable std::int64_t now_ = 0;
};

TEST_F(ObserverHanded, many_are_taken_in_turns) {
  const SlowClock slow;
  make_observer({}, handout(), [](wire::Finding&, bool, const std::string&, const ApprovalState&) {}, &slow);
  start();
  std::vector<fetch::HandedBaseline> many;
  for (int i = 0; i < 20; ++i) many.push_back(handed("ops" + std::to_string(i), "1", entry(file_)));
  take(many);
  const auto loaded = [&] { return static_cast<unsigned>(rows("\"manifest\"")); };
  EXPECT_GT(loaded(), 0u);
  EXPECT_LT(loaded(), 20u) << "the observing thread has more to do than that";
  EXPECT_FALSE(state_.ready().empty());
  int turns = 0;
  while (loaded() < 20 && turns < 100) {
    EXPECT_EQ(observer_->due_in_ns(), 0);
    observer_->on_timer();
    ++turns;
  }
  EXPECT_EQ(loaded(), 20u);
  EXPECT_GT(turns, 1);
  EXPECT_EQ(state_.drifts().size(), 20u);
}

TEST_F(ObserverHanded, its_own_that_is_read_between_two_turns_is_in_force_once) {
  const SlowClock slow;
  make_observer({own("zz")}, handout(), [](wire::Finding&, bool, const std::string&, const ApprovalState&) {}, &slow);
  start();
  std::vector<fetch::HandedBaseline> many;
  for (int i = 0; i < 20; ++i) many.push_back(handed("ops" + std::to_string(i), "1", "[]"));
  many.push_back(handed("zz", "1", entry(file_, "mode: \"0600\"")));  // the last of them
  take(many);
  EXPECT_TRUE(state_.drifts().empty());
  write_own();
  kernel_.touch(dir_.path());
  observer_->on_ring();
  for (int turn = 0; turn < 500 && rows("\"manifest\"") < 21; ++turn) observer_->on_timer();
  for (int turn = 0; turn < 500; ++turn) observer_->on_timer();
  EXPECT_EQ(rows("\"name\":\"zz\""), 1);
  EXPECT_EQ(only_drift().state, DriftState::open) << "by its own, which stands before what is handed";
  take(many);
  for (int turn = 0; turn < 500; ++turn) observer_->on_timer();
  EXPECT_EQ(only_drift().state, DriftState::open);
}

TEST_F(ObserverHanded, what_the_collector_takes_away_before_its_own_could_be_read_is_told) {
  start_with({own("ops")});
  take({handed("ops", "1", entry(file_))});
  EXPECT_EQ(only_drift().state, DriftState::open);
  take({});
  EXPECT_EQ(only_drift().state, DriftState::open);
  EXPECT_THAT(blind_spots(), HasSubstr("no longer hands it out"));
}

// Names as people give them; short ones live in the string itself.

TEST_F(ObserverHanded, each_is_in_force_once_however_long_its_name) {
  const std::string name = "production-network-eu-west-1";
  start_with({});
  for (int revision = 1; revision < 4; ++revision)
    take({handed(name, std::to_string(revision), entry(file_)), handed(name + "-b", "1", entry(file_)),
          handed("short", "1", entry(file_))});
  EXPECT_EQ(rows("\"manifest\""), 3);
  EXPECT_EQ(state_.drifts().size(), 3u);
}

TEST_F(ObserverHanded, the_same_drift_when_a_pattern_moves_to_the_collector_and_back) {
  write_own("a.yaml");
  const baseline::SourceSpec spec{"all", "manifest", dir_ / "*.yaml"};
  start_with({spec});
  const auto first = only_drift();
  observer_->set_sources({});
  EXPECT_EQ(only_drift().state, DriftState::open) << "the collector has not said yet what it hands out";
  take({handed("all.a.yaml", "7", entry(file_))});
  EXPECT_EQ(only_drift().id, first.id);
  EXPECT_EQ(only_drift().state, DriftState::open);
  observer_->set_sources({spec});
  EXPECT_THAT(state_.status_json(), HasSubstr(dir_ / "a.yaml")) << "the node's own is in force";
  take({});
  EXPECT_EQ(only_drift().id, first.id);
  EXPECT_EQ(only_drift().state, DriftState::open);
}

TEST_F(ObserverHanded, a_node_is_ready_though_something_is_missing_or_nothing_is_configured) {
  const auto is_ready = [&] {
    const auto checks = state_.ready();
    return std::find_if(checks.begin(), checks.end(), [](const auto& check) { return check.name == "baseline"; })->ok;
  };
  start_with({});
  EXPECT_FALSE(is_ready()) << "nobody has said yet what is managed";
  take({handed("ops", "1", entry(file_))}, {"typo", "hosts"});
  EXPECT_TRUE(is_ready());
  EXPECT_THAT(blind_spots(), HasSubstr("has not read typo, hosts yet"));
}

TEST_F(ObserverHanded, what_was_never_read_is_not_held_for_the_collector) {
  start_with({own("ops")});
  take({}, {"ops"});
  observer_->set_sources({});
  EXPECT_EQ(rows("\"ops\""), 0);
  EXPECT_THAT(blind_spots(), Not(HasSubstr("baseline_missing ops")));
}

TEST_F(ObserverHanded, its_own_that_cannot_be_read_does_not_stand_before_what_is_handed) {
  start_with({own("ops")});
  take({handed("ops", "1", entry(file_))});
  EXPECT_EQ(only_drift().state, DriftState::open);
  const auto first = only_drift();
  write_own();
  kernel_.touch(dir_.path());
  observer_->on_ring();
  clock_.pass(std::chrono::seconds(11));
  observer_->on_timer();
  EXPECT_THAT(state_.status_json(), HasSubstr("\"7\"")) << "its own revision";
  EXPECT_EQ(only_drift().id, first.id);
}

// Moved to the collector while no agent ran: the list that was kept does not know it yet.

TEST_F(ObserverHanded, what_moved_to_the_collector_while_nobody_ran_keeps_its_drift) {
  write_own();
  auto kept = std::make_shared<fetch::Handed>();
  kept->sequence = 1;
  start_with({own("ops")}, kept);
  const auto first = only_drift();
  ASSERT_TRUE(observer_->checkpoint());
  start_with({}, kept);
  EXPECT_EQ(only_drift().state, DriftState::open);
  take({handed("ops", "7", entry(file_))});
  EXPECT_EQ(only_drift().id, first.id);
  EXPECT_EQ(only_drift().state, DriftState::open);
  take({});
  EXPECT_EQ(only_drift().state, DriftState::accepted);
}

TEST_F(ObserverHanded, a_list_that_is_signed_no_more_is_told) {
  start_with({});
  auto list = std::make_shared<fetch::Handed>();
  list->sequence = 1;
  const auto now = SystemClock().wall();
  clock_.passed += now - clock_.wall();
  list->issued_at = now - 600'000'000'000;
  observer_->take_handed(std::shared_ptr<const fetch::Handed>(list));
  EXPECT_THAT(blind_spots(), Not(HasSubstr("handout_old")));
  auto old = std::make_shared<fetch::Handed>(*list);
  old->issued_at = now - 7'200'000'000'000;
  observer_->take_handed(std::shared_ptr<const fetch::Handed>(old));
  EXPECT_THAT(blind_spots(), HasSubstr("handout_old collector: "));
}

}  // namespace
}  // namespace plumbline::agent
