// What it means for drift that a baseline is described in another way, and what stays over a restart.
#include <fcntl.h>
#include <sys/stat.h>

#include "baseline/path_glob.hpp"
#include "tests/unit/observer/handed_fixture.hpp"

namespace plumbline::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using wire::DriftState;
using ObserverConfig = ObserverHanded;

TEST_F(ObserverConfig, the_same_drift_however_the_baseline_is_described) {
  write_own();
  auto spec = own("ops");
  start_with({spec});
  const auto first = only_drift();
  spec.stale_after = std::chrono::hours(24);
  observer_->set_sources({spec});
  EXPECT_EQ(only_drift().id, first.id);
  EXPECT_EQ(only_drift().state, DriftState::open);

  write_own("moved.yaml");
  spec.path = dir_ / "moved.yaml";
  observer_->set_sources({spec});
  EXPECT_EQ(only_drift().id, first.id);
  EXPECT_EQ(only_drift().state, DriftState::open);
  write_own("moved.yaml", "mode: \"0600\"");  // and it is read from there from now on
  kernel_.touch(dir_ / "moved.yaml");
  observer_->on_ring();
  clock_.pass(std::chrono::seconds(1));
  observer_->on_timer();
  EXPECT_EQ(only_drift().state, DriftState::accepted);
}

TEST_F(ObserverConfig, another_kind_under_the_name_is_another_baseline) {
  write_own();
  start_with({own("ops")});
  const auto first = only_drift();
  auto spec = own("ops");
  spec.kind = "terraform_state";
  observer_->set_sources({spec});
  EXPECT_EQ(only_drift().state, DriftState::accepted);
}

TEST_F(ObserverConfig, matches_of_a_pattern_keep_their_drift_when_the_pattern_changes) {
  write_own("a.yaml");
  baseline::SourceSpec spec{"all", "manifest", dir_ / "*.yaml"};
  start_with({spec});
  take({});
  const auto first = only_drift();
  spec.stale_after = std::chrono::hours(24);
  observer_->set_sources({spec});
  EXPECT_EQ(only_drift().id, first.id);
  spec.path = dir_ / "[ab].yaml";
  observer_->set_sources({spec});
  EXPECT_EQ(only_drift().id, first.id);
  EXPECT_EQ(only_drift().state, DriftState::open);
  write_own("b.yaml", "mode: \"0600\"");  // the folders are watched as before
  kernel_.touch(dir_.path());
  observer_->on_ring();
  clock_.pass(std::chrono::seconds(3));
  observer_->on_timer();
  EXPECT_THAT(state_.status_json(), HasSubstr("all.b.yaml"));
  spec.path = dir_ / "b*.yaml";
  observer_->set_sources({spec});
  EXPECT_EQ(only_drift().state, DriftState::accepted);
}

TEST_F(ObserverConfig, the_same_drift_when_the_folder_of_a_pattern_moves) {
  dir_.write("s1/web/t.yaml", "");
  write_own("s1/web/t.yaml");
  baseline::SourceSpec spec{"all", "manifest", dir_ / "s1/*/t.yaml"};
  start_with({spec});
  const auto first = only_drift();
  std::filesystem::rename(dir_ / "s1", dir_ / "s2");
  spec.path = dir_ / "s2/*/t.yaml";
  observer_->set_sources({spec});
  EXPECT_EQ(only_drift().id, first.id);
  EXPECT_EQ(only_drift().state, DriftState::open);
  EXPECT_THAT(state_.status_json(), HasSubstr(dir_ / "s2/web/t.yaml"));
}

TEST_F(ObserverConfig, what_was_refused_at_a_path_is_not_meant_by_another_path) {
  const auto state = [&](const std::string& lineage, int serial) {
    return R"({"version":4,"serial":)" + std::to_string(serial) + R"(,"lineage":")" + lineage +
           R"(","resources":[{"mode":"managed","type":"local_file","name":"f",)"
           R"("provider":"provider[\"registry.terraform.io/hashicorp/local\"]","instances":[{"attributes":{"filename":")" +
           file_ + R"(","content":"x","file_permission":"0644","directory_permission":"0700"}}]}]})";
  };
  baseline::SourceSpec spec{"net", "terraform_state", dir_.write("a.tfstate", state("ours", 5))};
  start_with({spec});
  const auto first = only_drift();
  dir_.write("a.tfstate", R"({"version":4,"serial":9,"lineage":"stranger","resources":[]})");
  kernel_.touch(dir_ / "a.tfstate");
  observer_->on_ring();
  clock_.pass(std::chrono::seconds(1));
  observer_->on_timer();
  ASSERT_THAT(blind_spots(), HasSubstr("it belongs to something else"));
  spec.path = dir_.write("b.tfstate", state("ours", 5));
  observer_->set_sources({spec});
  EXPECT_EQ(only_drift().id, first.id);
  EXPECT_EQ(only_drift().state, DriftState::open);
  EXPECT_THAT(blind_spots(), Not(HasSubstr("something else")));

  // A path that is wrong lets go of nothing, not even over a restart.
  spec.path = dir_ / "typo.tfstate";
  observer_->set_sources({spec});
  EXPECT_EQ(only_drift().state, DriftState::open);
  ASSERT_TRUE(observer_->checkpoint());
  start_with({spec});
  EXPECT_EQ(only_drift().state, DriftState::open);
  EXPECT_EQ(state_.resources().size(), 1u);
  // To another lineage: the configuration says so, and it is told.
  const auto gaps = counters_.gaps.load();
  spec.path = dir_.write("c.tfstate", state("another", 1));
  observer_->set_sources({spec});
  EXPECT_THAT(state_.status_json(), HasSubstr("\"another\""));
  EXPECT_EQ(counters_.gaps.load(), gaps + 1);
}

TEST_F(ObserverConfig, a_match_whose_kept_index_is_damaged_is_told_and_lets_go_of_nothing) {
  write_own("a.yaml");
  const baseline::SourceSpec spec{"all", "manifest", dir_ / "*.yaml"};
  start_with({spec});
  ASSERT_EQ(only_drift().state, DriftState::open);
  ASSERT_TRUE(observer_->checkpoint());
  observer_.reset();
  std::filesystem::remove(dir_ / "a.yaml");
  std::fstream(dir_ / "state/baselines/all.a.yaml.index", std::ios::in | std::ios::out).seekp(200).put('\xff');
  start_with({spec});
  EXPECT_EQ(only_drift().state, DriftState::open);
  EXPECT_THAT(blind_spots(), HasSubstr("all: what was taken of one of its matches is lost"));
  EXPECT_TRUE(std::filesystem::exists(dir_ / "state/baselines/all.a.yaml.index.damaged"));
}

TEST_F(ObserverConfig, one_that_is_configured_by_itself_stands_before_a_match_of_its_name) {
  write_own("a.yaml");
  write_own("by-itself.txt", "mode: \"0600\"");
  const baseline::SourceSpec pattern{"all", "manifest", dir_ / "*.yaml"}, plain = own("all.a.yaml", "by-itself.txt");
  start_with({pattern, plain});
  EXPECT_EQ(rows("\"all.a.yaml\""), 1);
  EXPECT_TRUE(state_.drifts().empty());
  observer_->set_sources({pattern});
  EXPECT_EQ(only_drift().state, DriftState::open);
  observer_->set_sources({pattern, plain});
  EXPECT_EQ(rows("\"all.a.yaml\""), 1);
  EXPECT_NE(only_drift().state, DriftState::open);
}

TEST_F(ObserverConfig, since_when_a_revision_stands_is_known_over_a_restart) {
  write_own();
  auto spec = own("ops");
  spec.stale_after = std::chrono::hours(1);
  start_with({spec});
  observer_.reset();
  const timespec long_ago[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (dir_ / "state/baselines/ops.index").c_str(), long_ago, 0), 0);
  start_with({spec});
  EXPECT_THAT(blind_spots(), HasSubstr("baseline_not_moving ops"));
  dir_.write("own.yaml", "apiVersion: plumbline/v1\nkind: Manifest\nrevision: \"8\"\nfiles: []\n");
  start_with({spec});
  EXPECT_THAT(blind_spots(), Not(HasSubstr("baseline_not_moving")));
}

TEST_F(ObserverConfig, what_matches_nothing_or_was_never_read_keeps_no_other_drift_open) {
  write_own();
  make_observer({own("ops")});
  start();
  ASSERT_EQ(only_drift().state, DriftState::open);
  ASSERT_TRUE(observer_->checkpoint());
  make_observer({{"all", "manifest", dir_ / "none/*.yaml"}, own("later", "later.yaml")});
  start();
  EXPECT_EQ(only_drift().state, DriftState::accepted);
}

TEST_F(ObserverConfig, what_may_still_be_managed_keeps_its_drift) {
  write_own("a.yaml");
  make_observer({own("later", "a.yaml")});
  start();
  ASSERT_EQ(only_drift().state, DriftState::open);
  ASSERT_TRUE(observer_->checkpoint());
  dir_.write("a.yaml", "cut");
  std::filesystem::remove_all(dir_ / "state/baselines");
  make_observer({own("later", "a.yaml")});
  start();
  EXPECT_EQ(only_drift().state, DriftState::open) << "it cannot be read now";
}

TEST_F(ObserverConfig, folders_that_are_gone_are_watched_no_more) {
  for (int i = 0; i < 50; ++i) std::filesystem::create_directories(dir_ / ("p/" + std::to_string(i)));
  make_observer({{"all", "manifest", dir_ / "p/*/x.yaml"}});
  start();
  const auto look_again = [&] {
    kernel_.touch(dir_ / "p");
    observer_->on_ring();
    clock_.pass(std::chrono::seconds(3));
    observer_->on_timer();
    observer_->on_timer();
    return counters_.watches.load();
  };
  EXPECT_GT(look_again(), 50u);
  for (int i = 0; i < 50; ++i) std::filesystem::remove(dir_ / ("p/" + std::to_string(i)));
  EXPECT_LT(look_again(), 5u);
  std::filesystem::create_directories(dir_ / "p/new");
  EXPECT_LT(look_again(), 6u);
  write_own("p/new/x.yaml");
  kernel_.touch(dir_ / "p/new");
  observer_->on_ring();
  clock_.pass(std::chrono::seconds(3));
  observer_->on_timer();
  EXPECT_THAT(state_.status_json(), HasSubstr("all.new.x.yaml"));
}

TEST_F(ObserverConfig, a_pattern_that_matched_too_much_recovers) {
  for (std::size_t i = 0; i <= baseline::max_matches; ++i) dir_.write("p/" + std::to_string(i) + ".yaml", "");
  make_observer({{"all", "manifest", dir_ / "p/*.yaml"}});
  start();
  EXPECT_THAT(blind_spots(), HasSubstr("baseline_missing all"));
  std::filesystem::remove_all(dir_ / "p");
  write_own("p/one.yaml");
  clock_.pass(std::chrono::seconds(31));
  observer_->on_timer();
  EXPECT_THAT(state_.status_json(), HasSubstr("all.one.yaml"));
}

TEST_F(ObserverConfig, a_source_without_a_mark_is_told_and_read_again) {
  write_own();
  kernel_.max_marks = 0;
  make_observer({own("ops")});
  start();
  EXPECT_THAT(blind_spots(), HasSubstr("baseline_not_watched ops"));
  ASSERT_EQ(only_drift().state, DriftState::open);
  write_own("own.yaml", "mode: \"0600\"");
  observer_->set_sources({own("ops")});
  clock_.pass(std::chrono::seconds(1));
  observer_->on_timer();
  EXPECT_EQ(only_drift().state, DriftState::accepted) << "a person asked";
  write_own("own.yaml", "mode: \"0644\", owner: \"0\"");
  clock_.pass(std::chrono::hours(1));
  observer_->on_timer();
  clock_.pass(std::chrono::seconds(1));
  observer_->on_timer();
  EXPECT_EQ(rows("\"revision\":\"7\""), 1);
  int open = 0;
  for (const auto& drift : state_.drifts()) open += drift.state == DriftState::open ? 1 : 0;
  EXPECT_EQ(open, 1) << "the rescan looks at it too";
}

}  // namespace
}  // namespace plumbline::agent
