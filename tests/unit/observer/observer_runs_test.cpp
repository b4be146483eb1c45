// Calls of the tool that a baseline belongs to: pending until the baseline shows them, and drift when none does.
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fstream>

#include <unistd.h>

#include "agent/approved_runs.hpp"
#include "agent/detect/judge.hpp"
#include "tests/unit/observer/observer_fixture.hpp"

namespace plumbline::agent {
namespace {

using wire::DriftState;
using wire::Verdict;

const Judge judge_by_runs = [](wire::Finding& finding, bool sensitive, const std::string& run,
                               const ApprovalState& approval) { judge({}, finding, sensitive, run, approval); };

/// The real one, which files' times are compared with, and later.
class LaterClock final : public Clock {
 public:
  WallNs wall() const override { return now_.wall() + later; }
  std::int64_t boot() const override { return now_.boot() + later; }
  std::int64_t later = 0;

 private:
  SystemClock now_;
};

class ObserverRuns : public ObserverFixture {
 protected:
  ObserverRuns() {
    write_state(1);
    restart();
  }
  void restart() {
    make_observer({spec_}, std::nullopt, judge_by_runs, &real_clock_);
    start();
  }
  /// Has the state's lock, as OpenTofu and Terraform lock it, by the kernel's table.
  void lock_state(std::uint32_t pid) const {
    struct stat status{};
    ASSERT_EQ(::stat((dir_ / "net.tfstate").c_str(), &status), 0);
    char line[128];
    std::snprintf(line, sizeof line, "1: POSIX  ADVISORY  WRITE %u %02x:%02x:%llu 0 EOF\n", pid,
                  gnu_dev_major(status.st_dev), gnu_dev_minor(status.st_dev),
                  static_cast<unsigned long long>(status.st_ino));
    empty_.write("locks", line);
  }
  void write_state(int serial) {
    dir_.write("net.tfstate", R"({"version":4,"serial":)" + std::to_string(serial) +
                                  R"(,"lineage":"a","resources":[{"mode":"managed","type":"aws_security_group",
"name":"web","provider":"provider[\"registry.terraform.io/hashicorp/aws\"]","instances":[{"attributes":{"id":"sg-1","description":"web"}}]}]})");
  }
  /// Another revision, of that process's writing, that the observer takes up.
  void write_next_state(std::uint32_t by) {
    write_state(2);
    kernel_.touch(dir_ / "net.tfstate", actor(by));
    observer_->on_ring();
    real_clock_.later += 2'000'000'000;
    observer_->on_timer();
  }
  ApprovedRuns& require_approval(bool required = true) {
    ApprovedRuns::Options options;
    options.required = required;
    options.file = dir_ / "approved_runs.json";
    approved_.emplace(options, ApprovedRuns::Keys(), real_clock_, counters_);
    observer_->set_approved_runs(&*approved_);
    return *approved_;
  }
  mark_actor actor(std::uint32_t pid) const {
    mark_actor made{};
    made.tgid = pid;
    made.start_boot_ns = start_;
    for (const auto& key : processes_.list_processes())
      if (key.tgid == pid) made.start_boot_ns = key.start_boot_ns;
    made.at_boot_ns = static_cast<std::uint64_t>(real_clock_.boot());
    return made;
  }
  void tell_of_folder(std::uint32_t pid) {
    kernel_.touch(dir_.path(), actor(pid));
    observer_->on_ring();
  }
  Verdict verdict_of_call(std::uint32_t pid, std::vector<CallSetting> settings = {}) {
    SeenCall seen;
    seen.actor = actor(pid);
    seen.call.operation = "ModifySecurityGroup";
    seen.call.outcome = "succeeded";
    seen.call.semantics = "merge";
    seen.targets = {{"sg-1", std::make_shared<const std::vector<CallType>>(
                                 std::vector<CallType>{{"aws_security_group", std::move(settings)}})}};
    observer_->take_call(seen);
    return state_.findings().at(0).verdict;
  }

  std::uint64_t start_ = 5;  ///< of who acts
  LaterClock real_clock_;
  std::optional<ApprovedRuns> approved_;
  baseline::SourceSpec spec_{"net", "terraform_state", dir_ / "net.tfstate"};
};

TEST_F(ObserverRuns, who_made_the_lock_of_the_state_is_a_run_until_it_is_gone) {
  EXPECT_EQ(verdict_of_call(7), Verdict::out_of_band);
  dir_.write(".net.tfstate.lock.info", "{}");
  tell_of_folder(7);
  EXPECT_EQ(verdict_of_call(7), Verdict::pending);
  EXPECT_EQ(verdict_of_call(8), Verdict::out_of_band) << "the same call by somebody else";
  std::filesystem::remove(dir_ / ".net.tfstate.lock.info");
  tell_of_folder(7);
  EXPECT_EQ(verdict_of_call(7), Verdict::out_of_band);
}

TEST_F(ObserverRuns, a_lock_that_was_there_before_says_nothing_of_who_touches_its_folder) {
  dir_.write(".net.tfstate.lock.info", "{}");
  real_clock_.later = 60'000'000'000;
  tell_of_folder(7);
  EXPECT_EQ(verdict_of_call(7), Verdict::out_of_band);
}

TEST_F(ObserverRuns, what_a_run_did_is_accepted_with_the_state_that_it_wrote_and_with_no_other) {
  for (const std::uint32_t writer : {9u, 7u}) {
    dir_.write(".net.tfstate.lock.info", "{}");
    tell_of_folder(7);
    ASSERT_EQ(verdict_of_call(7), Verdict::pending);
    write_state(writer == 9 ? 2 : 3);
    kernel_.touch(dir_ / "net.tfstate", actor(writer));
    observer_->on_ring();
    real_clock_.later += 2'000'000'000;
    observer_->on_timer();
    EXPECT_EQ(state_.drifts().at(0).state, writer == 9 ? DriftState::open : DriftState::accepted);
  }
}

TEST_F(ObserverRuns, who_only_touches_a_held_lock_does_not_take_it_over) {
  dir_.write(".net.tfstate.lock.info", "{}");
  tell_of_folder(7);
  std::filesystem::permissions(dir_ / ".net.tfstate.lock.info", std::filesystem::perms::owner_all);
  kernel_.touch(dir_ / ".net.tfstate.lock.info", actor(8));
  observer_->on_ring();
  EXPECT_EQ(verdict_of_call(8), Verdict::out_of_band);
}

TEST_F(ObserverRuns, what_no_revision_shows_in_time_is_drift_like_anybodys) {
  dir_.write(".net.tfstate.lock.info", "{}");
  tell_of_folder(7);
  ASSERT_EQ(verdict_of_call(7), Verdict::pending);
  real_clock_.later = hour / 2 - 60'000'000'000;
  observer_->on_timer();
  EXPECT_EQ(state_.drifts().at(0).verdict, Verdict::pending);
  real_clock_.later = hour / 2 + 60'000'000'000;
  observer_->on_timer();
  const auto drift = state_.drifts().at(0);
  EXPECT_EQ(drift.state, DriftState::open);
  EXPECT_EQ(drift.verdict, Verdict::out_of_band);
  EXPECT_EQ(drift.severity, wire::Severity::medium);
  EXPECT_EQ(drift.evidence.back().kind, "grace");
  write_next_state(7);
  EXPECT_EQ(state_.drifts().at(0).state, DriftState::open) << "that revision shows nothing of it";
}

TEST_F(ObserverRuns, a_start_alone_accepts_nothing) {
  dir_.write(".net.tfstate.lock.info", "{}");
  tell_of_folder(7);
  ASSERT_EQ(verdict_of_call(7), Verdict::pending);
  ASSERT_TRUE(observer_->checkpoint());
  restart();
  EXPECT_EQ(state_.drifts().at(0).state, DriftState::open) << state_.drifts().at(0).closed_by;
}

TEST_F(ObserverRuns, a_lock_that_stands_at_the_start_is_of_whoever_has_locked_the_state) {
  processes_.run(7, "tofu");
  processes_.run(8, "aws");
  processes_.run(9, "provider", 7);
  dir_.write(".net.tfstate.lock.info", "{}");
  lock_state(7);
  restart();
  EXPECT_EQ(verdict_of_call(7), Verdict::pending);
  EXPECT_EQ(verdict_of_call(9), Verdict::pending) << "a child of it";
  EXPECT_EQ(verdict_of_call(8), Verdict::out_of_band);
  kernel_.touch(dir_ / ".net.tfstate.lock.info", actor(8));
  observer_->on_ring();
  EXPECT_EQ(verdict_of_call(8), Verdict::out_of_band) << "who only touches it";
  std::filesystem::remove(dir_ / ".net.tfstate.lock.info");
  tell_of_folder(7);
  EXPECT_EQ(verdict_of_call(7), Verdict::out_of_band);
}

TEST_F(ObserverRuns, a_lock_of_fcntl_without_the_file_that_says_so_is_no_run) {
  processes_.run(7, "sqlite3");
  lock_state(7);
  restart();
  EXPECT_EQ(verdict_of_call(7), Verdict::out_of_band);
}

TEST_F(ObserverRuns, a_lock_of_somebody_whom_the_kernel_side_does_not_know_is_no_run) {
  dir_.write(".net.tfstate.lock.info", "{}");
  lock_state(7);
  restart();
  EXPECT_EQ(verdict_of_call(7), Verdict::out_of_band);
}

TEST_F(ObserverRuns, who_held_the_lock_before_a_restart_still_does) {
  processes_.run(7, "tofu");
  dir_.write(".net.tfstate.lock.info", "{}");
  tell_of_folder(7);
  ASSERT_EQ(verdict_of_call(7), Verdict::pending);
  real_clock_.later += 2'000'000'000;
  observer_->on_timer();  // and no checkpoint: it is killed
  restart();
  EXPECT_EQ(verdict_of_call(7), Verdict::pending);
  write_next_state(7);
  EXPECT_EQ(state_.drifts().at(0).state, DriftState::accepted) << "the run of before wrote it";
}

TEST_F(ObserverRuns, a_run_ends_with_its_lock_its_process_or_the_machines_life) {
  const auto tool = processes_.run(7, "tofu");
  const auto hold = [&] {
    std::filesystem::remove(dir_ / ".net.tfstate.lock.info");
    tell_of_folder(7);
    dir_.write(".net.tfstate.lock.info", "{}");
    tell_of_folder(7);
    ASSERT_EQ(verdict_of_call(7), Verdict::pending);
    ASSERT_TRUE(observer_->checkpoint());
    observer_.reset();
  };
  hold();
  std::filesystem::remove(dir_ / ".net.tfstate.lock.info");
  restart();
  EXPECT_EQ(verdict_of_call(7), Verdict::out_of_band) << "the lock is gone";
  hold();
  std::filesystem::remove(dir_ / ".net.tfstate.lock.info");
  dir_.write("another", "{}");  // so that its inode is another one
  dir_.write(".net.tfstate.lock.info", "{}");
  restart();
  EXPECT_EQ(verdict_of_call(7), Verdict::out_of_band) << "another lock";
  hold();
  const std::string kept = dir_ / "state/runs.json";
  std::string text;
  std::getline(std::ifstream(kept), text);
  dir_.write("state/runs.json", std::string(text).replace(text.find(identity_.boot_id), 32, std::string(32, 'f')));
  restart();
  EXPECT_EQ(verdict_of_call(7), Verdict::out_of_band) << "another life of the machine";
  hold();
  processes_.end(tool);
  restart();
  EXPECT_EQ(verdict_of_call(7), Verdict::out_of_band) << "whoever has that number now";
}

/// A checkpoint in a folder, as Pulumi 3.260 keeps and locks it.
class ObserverRunsOfPulumi : public ObserverRuns {
 protected:
  ObserverRunsOfPulumi() {
    dir_.write(
        ".pulumi/stacks/shop/dev.json",
        R"({"version":3,"checkpoint":{"stack":"organization/shop/dev","latest":{"manifest":{"time":"2026-01-01T00:00:00Z"},
"resources":[{"urn":"urn:pulumi:dev::shop::aws:ec2/securityGroup:SecurityGroup::web","custom":true,"id":"sg-1",
"type":"aws:ec2/securityGroup:SecurityGroup","inputs":{"description":"d"},"outputs":{"id":"sg-1"}}]}}})");
    spec_ = {"shop", "pulumi", dir_ / ".pulumi/stacks/shop/dev.json"};
    restart();
  }
  void lock(const std::string& id, std::uint32_t pid) {
    dir_.write(locks_ + "/" + id + ".json", "{}");
    kernel_.touch(dir_ / locks_, actor(pid));
    observer_->on_ring();
  }
  const std::string locks_ = ".pulumi/locks/organization/shop/dev";
};

TEST_F(ObserverRunsOfPulumi, who_made_the_only_lock_of_the_stack_is_a_run_until_it_is_gone) {
  EXPECT_EQ(verdict_of_call(7), Verdict::out_of_band) << "and it is known by Terraform's name of its type";
  std::filesystem::create_directories(dir_ / locks_);
  kernel_.touch(dir_ / ".pulumi", actor(7));
  observer_->on_ring();
  lock("5d1c", 7);
  EXPECT_EQ(verdict_of_call(7), Verdict::pending);
  EXPECT_EQ(verdict_of_call(8), Verdict::out_of_band);
  lock("77aa", 8);
  EXPECT_EQ(verdict_of_call(8), Verdict::out_of_band) << "a second lock takes nothing over";
  EXPECT_EQ(verdict_of_call(7), Verdict::pending);
  std::filesystem::remove(dir_ / (locks_ + "/77aa.json"));
  std::filesystem::remove(dir_ / (locks_ + "/5d1c.json"));
  kernel_.touch(dir_ / locks_, actor(7));
  observer_->on_ring();
  EXPECT_EQ(verdict_of_call(7), Verdict::out_of_band);
}

TEST_F(ObserverRunsOfPulumi, two_that_lock_it_at_once_are_none) {
  std::filesystem::create_directories(dir_ / locks_);
  dir_.write(locks_ + "/notes.txt", "{}");
  kernel_.touch(dir_ / ".pulumi", actor(7));
  observer_->on_ring();
  dir_.write(locks_ + "/77aa.json", "{}");
  lock("5d1c", 7);
  EXPECT_EQ(verdict_of_call(7), Verdict::out_of_band);
  EXPECT_EQ(verdict_of_call(8), Verdict::out_of_band);
}

TEST_F(ObserverRuns, where_approval_is_required_a_run_without_one_is_unapproved_until_its_state_shows_it) {
  ApprovedRuns& runs = require_approval();
  dir_.write(".net.tfstate.lock.info", "{}");
  tell_of_folder(7);
  EXPECT_EQ(verdict_of_call(8), Verdict::out_of_band);
  EXPECT_EQ(verdict_of_call(7), Verdict::unapproved_run);
  EXPECT_EQ(state_.findings().at(0).severity, wire::Severity::medium);
  std::filesystem::remove(dir_ / ".net.tfstate.lock.info");
  tell_of_folder(7);

  const auto self = static_cast<std::uint32_t>(::getpid());
  start_ = read_proc("/proc", self)->key.start_boot_ns + 1;
  dir_.write(".net.tfstate.lock.info", "{}");
  tell_of_folder(self);
  EXPECT_EQ(verdict_of_call(self), Verdict::unapproved_run);
  RunRequest request;
  request.id = "r1";
  request.expires_in = std::chrono::seconds(60);
  ASSERT_EQ(runs.approve(request, {self, 0}).status, 201);
  EXPECT_EQ(verdict_of_call(self), Verdict::pending);
  std::filesystem::remove(dir_ / ".net.tfstate.lock.info");
  tell_of_folder(self);
  EXPECT_EQ(verdict_of_call(self), Verdict::out_of_band) << "an approval that names nothing explains nothing by itself";
  request.baselines = {"net"};
  ASSERT_EQ(runs.approve(request, {self, 0}).status, 201);
  EXPECT_EQ(verdict_of_call(self), Verdict::pending);
  EXPECT_EQ(state_.findings().at(0).rule, "approval");
  EXPECT_EQ(verdict_of_call(8), Verdict::out_of_band) << "anybody else in that time";
  real_clock_.later = 61'000'000'000;
  EXPECT_EQ(verdict_of_call(self), Verdict::out_of_band) << "it is over";
}

TEST_F(ObserverRuns, what_an_unapproved_run_did_is_accepted_with_the_state_that_it_wrote_and_stays_unapproved) {
  require_approval();
  dir_.write(".net.tfstate.lock.info", "{}");
  tell_of_folder(7);
  ASSERT_EQ(verdict_of_call(7), Verdict::unapproved_run);
  real_clock_.later = hour;
  observer_->on_timer();
  EXPECT_EQ(state_.drifts().at(0).verdict, Verdict::unapproved_run) << "no grace is needed";
  write_next_state(7);
  EXPECT_EQ(state_.drifts().at(0).state, DriftState::accepted);
  EXPECT_EQ(state_.drifts().at(0).verdict, Verdict::unapproved_run);
}

TEST_F(ObserverRuns, what_an_approved_run_that_says_what_for_puts_back_is_believed) {
  ApprovedRuns& runs = require_approval(false);
  const auto self = static_cast<std::uint32_t>(::getpid());
  start_ = read_proc("/proc", self)->key.start_boot_ns;
  verdict_of_call(8, {{"description", R"("hacked")"}});
  const std::vector<CallSetting> right = {{"description", R"("web")"}};
  RunRequest request;
  request.id = "r1";
  request.expires_in = std::chrono::seconds(60);
  ASSERT_EQ(runs.approve(request, {self, 0}).status, 201);
  EXPECT_EQ(verdict_of_call(self, right), Verdict::converged_by_stranger);
  EXPECT_EQ(state_.drifts().at(0).state, DriftState::open) << "an approval that names nothing explains nothing";
  request.baselines = {"net"};
  ASSERT_EQ(runs.approve(request, {self, 0}).status, 201);
  EXPECT_EQ(verdict_of_call(8, right), Verdict::converged_by_stranger);
  EXPECT_EQ(state_.drifts().at(0).state, DriftState::open) << "anybody else in that time";
  EXPECT_EQ(verdict_of_call(self, right), Verdict::converged_by_stranger) << "no verdict changes";
  EXPECT_EQ(state_.drifts().at(0).state, DriftState::resolved);
}

TEST_F(ObserverRuns, what_a_run_of_the_baseline_puts_back_is_believed) {
  verdict_of_call(8, {{"description", R"("hacked")"}});
  dir_.write(".net.tfstate.lock.info", "{}");
  tell_of_folder(7);
  EXPECT_EQ(verdict_of_call(7, {{"description", R"("web")"}}), Verdict::in_band);
  EXPECT_EQ(state_.drifts().at(0).state, DriftState::resolved);
}

TEST_F(ObserverRuns, what_an_approval_alone_explains_is_accepted_by_no_revision_that_does_not_show_it) {
  ApprovedRuns& runs = require_approval();
  const auto self = static_cast<std::uint32_t>(::getpid());
  start_ = read_proc("/proc", self)->key.start_boot_ns;
  RunRequest request;
  request.id = "r1";
  request.baselines = {"net"};
  request.expires_in = std::chrono::seconds(60);
  ASSERT_EQ(runs.approve(request, {self, 0}).status, 201);
  ASSERT_EQ(verdict_of_call(self), Verdict::pending);
  write_state(2);
  kernel_.touch(dir_ / "net.tfstate", actor(self));
  observer_->on_ring();
  real_clock_.later = 2'000'000'000;
  observer_->on_timer();
  EXPECT_EQ(state_.drifts().at(0).state, DriftState::open);
  real_clock_.later = hour;
  observer_->on_timer();
  EXPECT_EQ(state_.drifts().at(0).verdict, Verdict::out_of_band);
}

}  // namespace
}  // namespace plumbline::agent
