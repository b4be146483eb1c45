#include "agent/rollback/decide.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "include/wire/text.hpp"

namespace plumbline::agent {
namespace {

using ::testing::HasSubstr;
using State = wire::RollbackState;

class DecideTest : public ::testing::Test {
 protected:
  DecideTest() {
    drift_.id = "d-1";
    drift_.resource = "tofu:prod/local_file.nginx";
    drift_.where.path = "/etc/nginx/nginx.conf";
    drift_.diff = {{"content_sha256", "sha256:a", "sha256:b", false}};
    facts_ = {"file", "b", "local_file", "terraform_state", {{"env", "staging"}}, false, ""};
    rule_.name = "nginx";
    rule_.path = {"/etc/nginx/**"};
    rule_.mode = RollbackMode::automatic;
  }
  RollbackDecision decide() { return decide_rollback(config_, rules_ = {rule_}, guards_, drift_, facts_, now_, 77); }
  /// State and why; "acts", or "nothing".
  std::string says() {
    const auto decision = decide();
    if (decision.acts) return "acts";
    return decision.says ? std::string(wire::text_of(decision.says->state)) + ": " + decision.says->why : "nothing";
  }

  RollbackConfig config_;
  RollbackRule rule_;
  std::vector<RollbackRule> rules_;
  Guards guards_{{1, std::chrono::minutes(10), 5, std::chrono::minutes(1), 3, std::chrono::minutes(30)}};
  wire::Drift drift_;
  RollbackFacts facts_;
  std::int64_t now_ = 1'000'000'000'000;
};

TEST_F(DecideTest, nothing_is_put_back_that_no_rule_names) {
  EXPECT_EQ(says(), "acts");
  rule_.mode = RollbackMode::off;
  EXPECT_EQ(says(), "nothing");
  rule_.mode = RollbackMode::automatic;
  rule_.path = {"/etc/other/**"};
  EXPECT_EQ(says(), "nothing");
  EXPECT_EQ(decide().rule, nullptr);
}

TEST_F(DecideTest, nothing_is_put_back_in_a_container) {
  facts_.in_container = true;
  EXPECT_EQ(says(), "nothing");
}

TEST_F(DecideTest, every_condition_has_to_hold) {
  rule_.resource = {"*local_file.nginx"};
  rule_.type = {"local_*"};
  rule_.attribute = {"content_*"};
  rule_.labels = {{"env", "staging"}};
  EXPECT_EQ(says(), "acts");
  auto before = rule_;
  rule_.resource = {"k8s:*"};
  EXPECT_EQ(says(), "nothing");
  rule_ = before;
  rule_.type = {"aws_*"};
  EXPECT_EQ(says(), "nothing");
  rule_ = before;
  rule_.labels = {{"env", "staging"}, {"tier", "web"}};
  EXPECT_EQ(says(), "nothing");
  rule_ = before;
  drift_.diff.push_back({"owner", "root", "eve", false});
  EXPECT_EQ(says(), "nothing") << "the owner would be put back too, which no rule says";
}

TEST_F(DecideTest, the_first_rule_that_fits_decides) {
  auto off = rule_;
  off.name = "but not this one";
  off.mode = RollbackMode::off;
  const std::vector rules{off, rule_};
  EXPECT_FALSE(decide_rollback(config_, rules, guards_, drift_, facts_, now_, 77).acts);
}

TEST_F(DecideTest, each_mode_says_what_it_does_once) {
  rule_.mode = RollbackMode::observe;
  EXPECT_EQ(says(), "observed: ");
  rule_.mode = RollbackMode::propose;
  EXPECT_EQ(says(), "proposed: ");
  rule_.mode = RollbackMode::approve;
  const auto decision = decide();
  ASSERT_TRUE(decision.says);
  EXPECT_EQ(decision.says->state, State::awaiting_approval);
  EXPECT_EQ(decision.says->rule, "nginx");
  EXPECT_EQ(decision.says->mode, "approve");
  EXPECT_EQ(decision.says->at, 77);
  drift_.rollback = decision.says;
  EXPECT_EQ(says(), "nothing") << "it says so already";
}

TEST_F(DecideTest, known_writers_and_approved_runs_are_left_alone) {
  for (const auto verdict : {wire::Verdict::pending, wire::Verdict::in_band, wire::Verdict::expected_runtime,
                             wire::Verdict::unapproved_run}) {
    drift_.verdict = verdict;
    EXPECT_THAT(says(), HasSubstr("waiting: "));
  }
  drift_.verdict = wire::Verdict::impersonation;
  EXPECT_EQ(says(), "acts");
  drift_.verdict = wire::Verdict::out_of_band;
  drift_.evidence.push_back({"approval", "run fix-4711 by alice"});
  EXPECT_THAT(says(), HasSubstr("a person is to say whether that stays"));
}

TEST_F(DecideTest, the_owner_is_asked_where_there_is_one) {
  for (const char* kind : {"kubernetes", "helm", "puppet_catalog"}) {
    facts_.source_kind = kind;
    EXPECT_THAT(says(), HasSubstr("deferred: ")) << kind;
  }
}

TEST_F(DecideTest, locks_old_baselines_and_switches_hold_it_back) {
  facts_.waits_for = "tofu holds the lock of its state";
  EXPECT_EQ(says(), "waiting: tofu holds the lock of its state");
  EXPECT_GT(decide().again_at_ns, now_);
  facts_.waits_for.clear();
  config_.enabled = false;
  EXPECT_THAT(says(), HasSubstr("rollback.enabled"));
}

TEST_F(DecideTest, budgets_make_it_wait_and_fights_end_it) {
  guards_.put_back("file", "x", now_);
  const auto waits = decide();
  ASSERT_TRUE(waits.says);
  EXPECT_EQ(waits.says->state, State::waiting);
  EXPECT_EQ(waits.again_at_ns, now_ + 600'000'000'000);
  guards_.put_back("file", "y", now_);
  guards_.put_back("file", "z", now_);
  EXPECT_THAT(says(), HasSubstr("contested: "));
  drift_.state = wire::DriftState::contested;
  EXPECT_EQ(says(), "nothing");
}

TEST_F(DecideTest, what_was_refused_undone_or_cannot_be_compared_is_not_tried_again) {
  for (const auto state : {State::rollback_unsafe, State::undone}) {
    drift_.rollback = wire::Rollback{state, "auto", "nginx", "", "", 1, false};
    EXPECT_EQ(says(), "nothing");
  }
  drift_.rollback.reset();
  drift_.comparison = wire::ComparisonResult::not_comparable;
  EXPECT_EQ(says(), "nothing");
  drift_.comparison = wire::ComparisonResult::mismatch;
  drift_.state = wire::DriftState::resolved;
  EXPECT_EQ(says(), "nothing");
}

}  // namespace
}  // namespace plumbline::agent
