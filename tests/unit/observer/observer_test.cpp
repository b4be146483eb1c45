// The observing thread's work against a double of the kernel side: what restarts, new baselines and records of earlier
// agents mean for drift. Files, spool and snapshot are real.
#include "agent/observer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "include/wire/json.hpp"
#include "tests/unit/support/fake_kernel.hpp"
#include "tests/unit/support/no_processes.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

using ::testing::HasSubstr;
using wire::DriftState;

/// One agent from its start to its end, with a kernel side of its own: its predecessor's marks are lost.
class Life {
 public:
  Life(const TempDir& dir, bool local_only)
      : spool(open_spool({dir / "state/spool", 64 << 20, 1 << 20}, clock_).value()),
        observer({identity,
                  dir / "state",
                  {{"ops", "manifest", dir / "manifest.yaml"}},
                  1 << 20,
                  hour,
                  std::nullopt,
                  hour / 2,
                  local_only},
                 {kernel, enricher_, containers_, *spool, state, users_, key_, clock_, counters},
                 [](wire::Finding&, bool, const std::string&, const ApprovalState&) {}) {}

  static constexpr std::int64_t hour = 3'600'000'000'000;
  const NodeIdentity identity{std::string(32, 'a'), "node-1", std::string(32, 'b'), std::string(64, 'c'), {}};

 private:
  SystemClock clock_;
  const baseline::KeyedHash key_{std::array<std::byte, 32>{}};
  NoProcesses processes_;
  Users users_;
  TempDir empty_;
  Containers containers_{{empty_.path(), {empty_.path()}}};
  Digests digests_{[](const std::string&, const std::string&) { return std::optional<OpenedExecutable>(); }};
  Enricher enricher_{processes_, containers_, digests_, users_, clock_, empty_.path()};

 public:
  Counters counters;
  FakeKernel kernel;
  NodeState state{identity, counters, 100};
  std::unique_ptr<Spool> spool;
  Observer observer;
};

class ObserverTest : public ::testing::Test {
 protected:
  ObserverTest() { std::filesystem::create_directory(dir_ / "state"); }

  /// A manifest of one file: `expects` is what its entry says beside the path.
  void write_manifest(const std::string& revision, const std::string& expects) {
    dir_.write("manifest.yaml", "apiVersion: plumbline/v1\nkind: Manifest\nrevision: \"" + revision +
                                    "\"\nfiles:\n- {path: " + file_ + ", " + expects + "}\n");
  }
  void start(bool local_only = true) {
    life_.reset();  // the spool has one owner
    life_ = std::make_unique<Life>(dir_, local_only);
    const auto started = life_->observer.start();
    ASSERT_TRUE(started) << started.error().message();
  }
  wire::Drift only_drift() {
    const auto drifts = life_->state.drifts();
    EXPECT_EQ(drifts.size(), 1u);
    return drifts.empty() ? wire::Drift{} : drifts[0];
  }
  void open_drift() {
    ::chmod(file_.c_str(), 0600);
    write_manifest("1", "mode: \"0644\"");
    start();
    ASSERT_EQ(only_drift().state, DriftState::open);
  }

  TempDir dir_;
  const std::string file_ = dir_.write("managed", "x");
  std::unique_ptr<Life> life_;
};

TEST_F(ObserverTest, a_baseline_that_moved_while_the_agent_was_down_accepts_the_drift) {
  open_drift();
  write_manifest("2", "mode: \"0600\"");
  start();
  EXPECT_EQ(only_drift().state, DriftState::accepted);
  EXPECT_THAT(only_drift().closed_by, HasSubstr("baseline now expects what is live"));
}

TEST_F(ObserverTest, a_file_that_was_put_back_while_the_agent_was_down_resolves_the_drift) {
  open_drift();
  ::chmod(file_.c_str(), 0644);
  write_manifest("2", "mode: \"0644\"");
  start();
  EXPECT_EQ(only_drift().state, DriftState::resolved);
}

TEST_F(ObserverTest, a_baseline_that_lets_go_of_the_attribute_accepts_the_drift) {
  open_drift();
  write_manifest("2", "owner: \"" + std::to_string(::getuid()) + "\"");
  start();
  EXPECT_EQ(only_drift().state, DriftState::accepted);
}

TEST_F(ObserverTest, a_baseline_that_moved_elsewhere_keeps_the_drift_open) {
  open_drift();
  write_manifest("2", "mode: \"0640\"");
  start();
  EXPECT_EQ(only_drift().state, DriftState::open);
  EXPECT_EQ(only_drift().diff.at(0).expected, "0640");
  ::chmod(file_.c_str(), 0640);
  start();
  EXPECT_EQ(only_drift().state, DriftState::resolved) << "the file went to what the drift says is expected";
}

TEST_F(ObserverTest, gaps_of_earlier_lives_are_on_the_stream) {
  write_manifest("1", "mode: \"0644\"");
  ::chmod(file_.c_str(), 0644);
  start(false);
  const auto before = life_->state.events_after(0, 10, nullptr);
  ASSERT_EQ(before.size(), 1u);
  EXPECT_EQ(before[0].event, "gap");
  EXPECT_THAT(before[0].data, HasSubstr("\"reason\":\"start\""));
  start(false);
  const auto after = life_->state.events_after(0, 10, nullptr);
  ASSERT_EQ(after.size(), 2u);
  EXPECT_EQ(after[0].sequence, before[0].sequence);
  EXPECT_EQ(after[0].event, "gap");
  EXPECT_EQ(after[0].data, before[0].data);
  EXPECT_THAT(after[1].data, HasSubstr("\"reason\":\"marks_lost\""));
}

TEST_F(ObserverTest, a_handled_change_is_that_of_the_very_inode) {
  write_manifest("1", "mode: \"0644\"");
  ::chmod(file_.c_str(), 0644);
  for (const auto& [generation, findings] :
       {std::pair<std::optional<std::uint32_t>, std::uint64_t>{0, 0}, {std::nullopt, 0}, {7, 1}}) {
    std::filesystem::remove_all(dir_ / "state");
    std::filesystem::create_directory(dir_ / "state");
    life_ = std::make_unique<Life>(dir_, true);
    // An earlier agent recorded a change and was killed before it acknowledged it.
    const auto inode = life_->kernel.stat(AT_FDCWD, file_.c_str(), 0)->inodes[0];
    ASSERT_TRUE(life_->kernel.mark(inode, 0));
    life_->kernel.touch(file_);
    wire::Finding finding;
    finding.id = "f-1";
    const HandledMark mark{life_->kernel.read_control().epoch, inode.key.ino, 0, inode.key.dev, 1, generation};
    std::vector<Draft> drafts;
    drafts.push_back({"finding", [&](std::uint64_t, wire::Record& record) {
                        record.id = finding.id;
                        record.body = finding_body(finding, nullptr, {mark});
                      }});
    ASSERT_TRUE(life_->spool->append(std::move(drafts)));
    ASSERT_TRUE(life_->observer.start());
    EXPECT_EQ(life_->counters.findings_match, findings) << "7 was another file with the same number";
    life_.reset();
  }
}

TEST_F(ObserverTest, a_name_that_the_node_does_not_know_is_a_blind_spot) {
  write_manifest("1", "owner: nobody-of-this-name");
  start();
  EXPECT_TRUE(life_->state.drifts().empty());
  const auto resources = life_->state.resources();
  ASSERT_EQ(resources.size(), 1u);
  EXPECT_EQ(resources[0].comparison, wire::ComparisonResult::not_comparable);
  EXPECT_THAT(resources[0].unwatched_reason, HasSubstr("no user `nobody-of-this-name`"));
  const auto spots = life_->state.blind_spots();
  ASSERT_EQ(spots.size(), 1u);
  EXPECT_EQ(spots[0].id, "name_not_known");
  EXPECT_EQ(spots[0].scope, file_);
  EXPECT_THAT(spots[0].because, HasSubstr(dir_ / "manifest.yaml"));
}

TEST_F(ObserverTest, a_large_source_is_read_aside_and_nothing_is_claimed_before) {
  write_manifest("1", "mode: \"0644\"");
  ::chmod(file_.c_str(), 0644);
  start();
  std::vector<std::shared_ptr<fetch::SourceKeeper>> asked;
  life_->observer.set_load_aside([&](auto keeper, bool) { asked.push_back(std::move(keeper)); });
  const std::string comment = "#" + std::string(1 << 20, 'x') + "\n";
  const auto manifest = [&](const char* mode) {
    return comment +
           "apiVersion: plumbline/v1\nkind: Manifest\nrevision: \"1\"\nfiles:\n- {path: " + dir_.write("other", "x") +
           ", mode: \"" + mode + "\"}\n";
  };
  const baseline::SourceSpec small{"ops", "manifest", dir_ / "manifest.yaml"};
  const baseline::SourceSpec large{"large", "manifest", dir_.write("large.yaml", manifest("0600"))};
  const auto ready = [&] {
    const auto checks = life_->state.ready();
    return std::find_if(checks.begin(), checks.end(), [](const auto& check) { return check.name == "baseline"; })->ok;
  };
  ASSERT_TRUE(ready());
  life_->observer.set_sources({small, large});
  ASSERT_EQ(asked.size(), 1u) << "the small one is not read again";
  EXPECT_FALSE(ready());
  EXPECT_EQ(life_->state.resources().size(), 1u);
  life_->observer.take_fetched(*asked[0], asked[0]->load(false).value(), baseline::Move::none);
  EXPECT_TRUE(ready());
  EXPECT_EQ(life_->state.resources().size(), 2u);
  EXPECT_EQ(only_drift().state, DriftState::open);

  // From then on it is read aside, as what is read at once would overtake what is on its way.
  dir_.write("large.yaml", manifest("0644").substr(comment.size()));
  life_->observer.take_fetched(*asked[0], Error{ErrorCode::io, "read it", "of the test", ""}, baseline::Move::none);
  life_->observer.set_sources({small});
  life_->observer.set_sources({small, large});
  ASSERT_EQ(asked.size(), 1u) << "another keeper, and a small file";
  EXPECT_EQ(only_drift().state, DriftState::accepted);
  const auto gone = std::move(asked[0]);
  EXPECT_EQ(gone->load(true).error().code, ErrorCode::not_found);
  life_->observer.take_fetched(*gone, Error{ErrorCode::io, "read it", "of the test", ""}, baseline::Move::none);
  EXPECT_THAT(life_->state.status_json(), testing::Not(HasSubstr("of the test")))
      << "what became of another source of that name concerns nobody";
}

TEST_F(ObserverTest, counts_executables_without_a_digest) {
  ::chmod(file_.c_str(), 0644);
  write_manifest("1", "mode: \"0644\"");
  start();
  mark_actor actor{};
  actor.tgid = 4000001;
  actor.exe.ino = 5;
  life_->kernel.touch(file_, actor);
  life_->observer.on_ring();
  EXPECT_EQ(life_->counters.findings_match, 1u);
  life_->observer.on_timer();
  EXPECT_EQ(life_->counters.digests_unreadable, 1u);
  EXPECT_THAT(life_->state.metrics_text(), HasSubstr("plumbline_digests_unreadable_total 1\n"));
}

}  // namespace
}  // namespace plumbline::agent
