// Baselines that the collector hands out, beside those of the node's own; and what it means for drift that a baseline
// is described in another way. Kernel side and clock are doubles.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "agent/observer.hpp"
#include "tests/unit/fetch/fakes.hpp"
#include "tests/unit/support/fake_kernel.hpp"
#include "tests/unit/support/handed.hpp"
#include "tests/unit/support/no_processes.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using wire::DriftState;

class ObserverHanded : public ::testing::Test {
 protected:
  ObserverHanded() {
    std::filesystem::create_directory(dir_ / "state");
    ::chmod(file_.c_str(), 0600);
    spool_ = open_spool({dir_ / "state/spool", 64 << 20, 1 << 20}, clock_).value();
  }
  void start(std::vector<baseline::SourceSpec> sources, std::shared_ptr<const fetch::Handed> kept = nullptr) {
    observer_ = std::make_unique<Observer>(
        ObserverOptions{identity_, dir_ / "state", std::move(sources), 1 << 20, 3'600'000'000'000,
                        HandoutSetup{"http://collector", &fleet_key_, std::move(kept), "", std::chrono::hours(1)},
                        true},
        ObserverParts{kernel_, enricher_, containers_, *spool_, state_, users_, key_, clock_, counters_},
        [](wire::Finding&, bool) {});
    const auto started = observer_->start();
    ASSERT_TRUE(started) << started.error().message();
  }
  /// The file has mode 0600: what expects 0644 is drift.
  std::string entry(const std::string& path, const std::string& more = "mode: \"0644\"") {
    return "- {path: " + path + ", " + more + "}";
  }
  fetch::HandedBaseline handed(const std::string& name, const std::string& revision, const std::string& files) {
    return test::handed_manifest(name, revision, files, fleet_key_, dir_ / "scratch");
  }
  void take(std::vector<fetch::HandedBaseline> baselines, std::vector<std::string> missing = {}) {
    auto list = std::make_shared<fetch::Handed>();
    list->sequence = ++sequence_;
    list->issued_at = clock_.wall();
    list->baselines = std::move(baselines);
    list->missing = std::move(missing);
    observer_->take_handed(std::shared_ptr<const fetch::Handed>(std::move(list)));
  }
  baseline::SourceSpec own(const std::string& name, const std::string& file = "own.yaml") {
    return {name, "manifest", dir_ / file};
  }
  void write_own(const std::string& file = "own.yaml", const std::string& more = "mode: \"0644\"") {
    dir_.write(file, "apiVersion: plumbline/v1\nkind: Manifest\nrevision: \"7\"\nfiles:\n" + entry(file_, more) + "\n");
  }
  wire::Drift only_drift() {
    const auto drifts = state_.drifts();
    EXPECT_EQ(drifts.size(), 1u);
    return drifts.empty() ? wire::Drift{} : drifts[0];
  }
  int rows(const std::string& text) {
    int count = 0;
    const std::string status = state_.status_json();
    for (auto at = status.find(text); at != std::string::npos; at = status.find(text, at + 1)) ++count;
    return count;
  }
  std::string blind_spots() {
    std::string all;
    for (const auto& spot : state_.blind_spots()) all += spot.id + " " + spot.scope + ": " + spot.because + "\n";
    return all;
  }

  const NodeIdentity identity_{std::string(32, 'a'), "node-1", std::string(32, 'b'), std::string(64, 'c'), {}};
  const TempDir dir_;
  const std::string file_ = dir_.write("managed", "x");
  fetch::test::FakeClock clock_;
  const baseline::KeyedHash key_{std::array<std::byte, 32>{}};
  const baseline::KeyedHash fleet_key_{std::array<std::byte, 32>{std::byte{1}}};
  NoProcesses processes_;
  Users users_;
  TempDir empty_;
  Containers containers_{{empty_.path(), empty_.path()}};
  Digests digests_{[](const std::string&, const std::string&) { return std::optional<OpenedExecutable>(); }};
  Enricher enricher_{processes_, containers_, digests_, users_, clock_, empty_.path()};
  Counters counters_;
  FakeKernel kernel_;
  NodeState state_{identity_, counters_, 100};
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<Observer> observer_;
  std::uint64_t sequence_ = 0;
};

TEST_F(ObserverHanded, the_same_drift_whoever_reads_the_baseline) {
  start({});
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
  start({});
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

TEST_F(ObserverHanded, the_same_drift_however_the_baseline_is_described) {
  write_own();
  auto spec = own("ops");
  start({spec});
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

TEST_F(ObserverHanded, another_kind_under_the_name_is_another_baseline) {
  write_own();
  start({own("ops")});
  const auto first = only_drift();
  auto spec = own("ops");
  spec.kind = "terraform_state";
  observer_->set_sources({spec});
  EXPECT_EQ(only_drift().state, DriftState::accepted);
}

TEST_F(ObserverHanded, matches_of_a_pattern_keep_their_drift_when_the_pattern_changes) {
  write_own("a.yaml");
  baseline::SourceSpec spec{"all", "manifest", dir_ / "*.yaml"};
  start({spec});
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

TEST_F(ObserverHanded, what_is_missing_in_a_list_stays) {
  start({});
  take({handed("ops", "1", entry(file_))});
  take({}, {"ops"});
  EXPECT_EQ(only_drift().state, DriftState::open);
  EXPECT_THAT(blind_spots(), HasSubstr("has not read ops yet"));
}

TEST_F(ObserverHanded, one_that_was_kept_and_is_damaged_lets_go_of_nothing) {
  start({});
  take({handed("ops", "1", entry(file_)), handed("web", "1", "[]")});
  ASSERT_EQ(only_drift().state, DriftState::open);
  observer_.reset();
  auto kept = std::make_shared<fetch::Handed>();
  kept->sequence = 1;
  kept->baselines = {handed("web", "1", "[]")};
  kept->missing = {"ops"};
  kept->damage = {"ops.index is damaged"};
  start({}, kept);
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
  observer_ = std::make_unique<Observer>(
      ObserverOptions{identity_,
                      dir_ / "state",
                      {},
                      1 << 20,
                      3'600'000'000'000'000,
                      HandoutSetup{"http://collector", &fleet_key_, nullptr, "", std::chrono::hours(1)},
                      true},
      ObserverParts{kernel_, enricher_, containers_, *spool_, state_, users_, key_, slow, counters_},
      [](wire::Finding&, bool) {});
  ASSERT_TRUE(observer_->start());
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

// Names as people give them; short ones live in the string itself.
TEST_F(ObserverHanded, each_is_in_force_once_however_long_its_name) {
  const std::string name = "production-network-eu-west-1";
  start({});
  for (int revision = 1; revision < 4; ++revision)
    take({handed(name, std::to_string(revision), entry(file_)), handed(name + "-b", "1", entry(file_)),
          handed("short", "1", entry(file_))});
  EXPECT_EQ(rows("\"manifest\""), 3);
  EXPECT_EQ(state_.drifts().size(), 3u);
}

TEST_F(ObserverHanded, the_same_drift_when_a_pattern_moves_to_the_collector_and_back) {
  write_own("a.yaml");
  const baseline::SourceSpec spec{"all", "manifest", dir_ / "*.yaml"};
  start({spec});
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

TEST_F(ObserverHanded, the_same_drift_when_the_folder_of_a_pattern_moves) {
  dir_.write("s1/web/t.yaml", "");
  write_own("s1/web/t.yaml");
  baseline::SourceSpec spec{"all", "manifest", dir_ / "s1/*/t.yaml"};
  start({spec});
  const auto first = only_drift();
  std::filesystem::rename(dir_ / "s1", dir_ / "s2");
  spec.path = dir_ / "s2/*/t.yaml";
  observer_->set_sources({spec});
  EXPECT_EQ(only_drift().id, first.id);
  EXPECT_EQ(only_drift().state, DriftState::open);
  EXPECT_THAT(state_.status_json(), HasSubstr(dir_ / "s2/web/t.yaml"));
}

TEST_F(ObserverHanded, what_was_refused_at_a_path_is_not_meant_by_another_path) {
  const auto state = [&](const std::string& lineage, int serial) {
    return R"({"version":4,"serial":)" + std::to_string(serial) + R"(,"lineage":")" + lineage +
           R"(","resources":[{"mode":"managed","type":"local_file","name":"f",)"
           R"("provider":"provider[\"registry.terraform.io/hashicorp/local\"]","instances":[{"attributes":{"filename":")" +
           file_ + R"(","content":"x","file_permission":"0644","directory_permission":"0700"}}]}]})";
  };
  baseline::SourceSpec spec{"net", "terraform_state", dir_.write("a.tfstate", state("ours", 5))};
  start({spec});
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
  observer_.reset();
  start({spec});
  EXPECT_EQ(only_drift().state, DriftState::open);
  EXPECT_EQ(state_.resources().size(), 1u);
  // To another lineage: the configuration says so, and it is told.
  const auto gaps = counters_.gaps.load();
  spec.path = dir_.write("c.tfstate", state("another", 1));
  observer_->set_sources({spec});
  EXPECT_THAT(state_.status_json(), HasSubstr("\"another\""));
  EXPECT_EQ(counters_.gaps.load(), gaps + 1);
}

TEST_F(ObserverHanded, a_match_whose_kept_index_is_damaged_is_told_and_lets_go_of_nothing) {
  write_own("a.yaml");
  const baseline::SourceSpec spec{"all", "manifest", dir_ / "*.yaml"};
  start({spec});
  ASSERT_EQ(only_drift().state, DriftState::open);
  ASSERT_TRUE(observer_->checkpoint());
  observer_.reset();
  std::filesystem::remove(dir_ / "a.yaml");
  std::fstream(dir_ / "state/baselines/all.a.yaml.index", std::ios::in | std::ios::out).seekp(200).put('\xff');
  start({spec});
  EXPECT_EQ(only_drift().state, DriftState::open);
  EXPECT_THAT(blind_spots(), HasSubstr("all: what was taken of one of its matches is lost"));
  EXPECT_TRUE(std::filesystem::exists(dir_ / "state/baselines/all.a.yaml.index.damaged"));
}

TEST_F(ObserverHanded, one_that_is_configured_by_itself_stands_before_a_match_of_its_name) {
  write_own("a.yaml");
  write_own("by-itself.txt", "mode: \"0600\"");
  const baseline::SourceSpec pattern{"all", "manifest", dir_ / "*.yaml"}, plain = own("all.a.yaml", "by-itself.txt");
  start({pattern, plain});
  EXPECT_EQ(rows("\"all.a.yaml\""), 1);
  EXPECT_TRUE(state_.drifts().empty());
  observer_->set_sources({pattern});
  EXPECT_EQ(only_drift().state, DriftState::open);
  observer_->set_sources({pattern, plain});
  EXPECT_EQ(rows("\"all.a.yaml\""), 1);
  EXPECT_NE(only_drift().state, DriftState::open);
}

TEST_F(ObserverHanded, a_node_is_ready_though_something_is_missing_or_nothing_is_configured) {
  const auto is_ready = [&] {
    const auto checks = state_.ready();
    return std::find_if(checks.begin(), checks.end(), [](const auto& check) { return check.name == "baseline"; })->ok;
  };
  start({});
  EXPECT_FALSE(is_ready()) << "nobody has said yet what is managed";
  take({handed("ops", "1", entry(file_))}, {"typo", "hosts"});
  EXPECT_TRUE(is_ready());
  EXPECT_THAT(blind_spots(), HasSubstr("has not read typo, hosts yet"));
}

TEST_F(ObserverHanded, its_own_that_cannot_be_read_does_not_stand_before_what_is_handed) {
  start({own("ops")});
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
  start({own("ops")}, kept);
  const auto first = only_drift();
  ASSERT_TRUE(observer_->checkpoint());
  observer_.reset();
  start({}, kept);
  EXPECT_EQ(only_drift().state, DriftState::open);
  take({handed("ops", "7", entry(file_))});
  EXPECT_EQ(only_drift().id, first.id);
  EXPECT_EQ(only_drift().state, DriftState::open);
  take({});
  EXPECT_EQ(only_drift().state, DriftState::accepted);
}

TEST_F(ObserverHanded, since_when_a_revision_stands_is_known_over_a_restart) {
  write_own();
  auto spec = own("ops");
  spec.stale_after = std::chrono::hours(1);
  start({spec});
  observer_.reset();
  const timespec long_ago[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (dir_ / "state/baselines/ops.index").c_str(), long_ago, 0), 0);
  start({spec});
  EXPECT_THAT(blind_spots(), HasSubstr("baseline_not_moving ops"));
  dir_.write("own.yaml", "apiVersion: plumbline/v1\nkind: Manifest\nrevision: \"8\"\nfiles: []\n");
  observer_.reset();
  start({spec});
  EXPECT_THAT(blind_spots(), Not(HasSubstr("baseline_not_moving")));
}

TEST_F(ObserverHanded, a_list_that_is_signed_no_more_is_told) {
  start({});
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
