#include "agent/detect/judge.hpp"
#include "include/util/glob.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plumbline::agent {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using wire::ComparisonResult;
using wire::Verdict;

wire::Finding finding(ComparisonResult comparison = ComparisonResult::mismatch) {
  wire::Finding f;
  f.resource = "tofu:net/local_file.a";
  f.where.path = "/etc/nginx/nginx.conf";
  f.comparison = comparison;
  f.actor.process.emplace();
  f.actor.process->exe = "/usr/bin/local-provider";
  f.actor.process->exe_sha256 = "bb";
  f.actor.process->uid = 0;
  f.actor.lineage.resize(1);
  f.actor.lineage[0].exe = "/usr/bin/tofu";
  f.actor.lineage[0].exe_sha256 = "aa";
  return f;
}

Rule tofu() {
  Rule rule;
  rule.name = "tofu";
  rule.when.lineage_exe_sha256 = {"aa"};
  rule.verdict = Verdict::in_band;
  return rule;
}

TEST(Judge, without_a_rule_a_difference_is_out_of_band_and_a_match_is_a_strangers) {
  auto f = finding();
  judge({}, f, false);
  EXPECT_EQ(f.verdict, Verdict::out_of_band);
  EXPECT_EQ(f.severity, wire::Severity::high);
  EXPECT_EQ(f.rule, "default");
  EXPECT_THAT(f.missing_evidence, Contains("approved run"));
  f = finding(ComparisonResult::match);
  judge({}, f, false);
  EXPECT_EQ(f.verdict, Verdict::converged_by_stranger);
  EXPECT_EQ(f.severity, wire::Severity::info);
}

TEST(Judge, a_rule_about_paths_is_about_those_of_the_node) {
  Rule rule = tofu();
  rule.when.path = {"/etc/**"};
  auto f = finding();
  judge({rule}, f, false, "", {});
  EXPECT_EQ(f.rule, "tofu");
  auto inside = finding();
  inside.where.container.emplace().id = "c1";
  judge({rule}, inside, false, "", {});
  EXPECT_EQ(inside.rule, "default");
  rule.when.path.clear();
  rule.when.resource = {"tofu:net/*"};
  auto by_resource = inside;
  judge({rule}, by_resource, false, "", {});
  EXPECT_EQ(by_resource.rule, "tofu");
}

TEST(Judge, a_proven_writer_is_in_band_once_its_baseline_has_the_content) {
  auto f = finding(ComparisonResult::match);
  judge({tofu()}, f, false);
  EXPECT_EQ(f.verdict, Verdict::in_band);
  f = finding(ComparisonResult::mismatch);
  judge({tofu()}, f, false);
  EXPECT_EQ(f.verdict, Verdict::pending);
  EXPECT_THAT(f.missing_evidence, Contains(HasSubstr("baseline that has moved")));
}

TEST(Judge, what_a_run_changes_is_pending_until_the_baseline_shows_it_and_a_rule_comes_first) {
  auto f = finding();
  judge({}, f, true, "tofu (pid 7) holds the lock");
  EXPECT_EQ(f.verdict, Verdict::pending);
  EXPECT_EQ(f.severity, wire::Severity::info);
  EXPECT_EQ(f.rule, "run");
  EXPECT_THAT(f.missing_evidence, Contains(HasSubstr("digest")));
  f = finding(ComparisonResult::match);
  judge({}, f, false, "tofu (pid 7) holds the lock");
  EXPECT_EQ(f.verdict, Verdict::in_band);
  Rule rule = tofu();
  rule.verdict = Verdict::impersonation;
  f = finding();
  judge({rule}, f, false, "tofu (pid 7) holds the lock");
  EXPECT_EQ(f.verdict, Verdict::impersonation);
}

const ApprovalState none_given{true, "", false};
const ApprovalState given{true, "run r1 of repo:acme (verified) until 2026-12-01T00:00:00Z", false};
const ApprovalState given_by_name{true, given.says, true};

TEST(Judge, a_proven_tool_without_an_approval_is_an_unapproved_run_whatever_the_content) {
  for (const auto comparison : {ComparisonResult::mismatch, ComparisonResult::match, ComparisonResult::not_comparable})
    for (const bool by_rule : {true, false}) {
      auto f = finding(comparison);
      judge(by_rule ? std::vector{tofu()} : std::vector<Rule>(), f, true, by_rule ? "" : "tofu holds the lock",
            none_given);
      EXPECT_EQ(f.verdict, Verdict::unapproved_run);
      EXPECT_EQ(f.severity, wire::Severity::medium);
      EXPECT_THAT(f.missing_evidence, Contains("approved run"));
    }
}

TEST(Judge, with_an_approval_a_proven_tool_is_judged_as_ever_and_the_approval_is_told) {
  for (const auto comparison : {ComparisonResult::mismatch, ComparisonResult::match})
    for (const auto& run : {"", "tofu holds the lock"})
      for (const auto& state : {given, given_by_name}) {
        auto f = finding(comparison), without = finding(comparison);
        const std::vector<Rule> rules = *run == '\0' ? std::vector{tofu()} : std::vector<Rule>();
        judge(rules, f, false, run, state);
        judge(rules, without, false, run);
        EXPECT_EQ(f.verdict, without.verdict);
        EXPECT_EQ(f.severity, without.severity);
        EXPECT_EQ(f.rule, without.rule);
        ASSERT_FALSE(f.evidence.empty());
        EXPECT_EQ(f.evidence.back().kind, "approval");
        EXPECT_EQ(f.evidence.back().says, given.says);
        EXPECT_THAT(f.missing_evidence, Not(Contains("approved run")));
        EXPECT_THAT(without.missing_evidence, Contains("approved run"));
      }
}

TEST(Judge, an_approval_that_names_the_resource_explains_a_change_that_nothing_else_does) {
  auto f = finding();
  judge({}, f, false, "", given_by_name);
  EXPECT_EQ(f.verdict, Verdict::pending);
  EXPECT_EQ(f.severity, wire::Severity::info);
  EXPECT_EQ(f.rule, "approval");
  f = finding(ComparisonResult::match);
  judge({}, f, false, "", given_by_name);
  EXPECT_EQ(f.verdict, Verdict::in_band);
  f = finding();
  judge({}, f, false, "", given);
  EXPECT_EQ(f.verdict, Verdict::out_of_band) << "one that names nothing approves what is proven, and explains nothing";
  f = finding();
  f.handovers = 1;
  judge({}, f, false, "", given_by_name);
  EXPECT_EQ(f.verdict, Verdict::out_of_band) << "another program had a part in it";
}

TEST(Judge, where_approvals_are_not_required_they_are_told_and_change_nothing) {
  auto f = finding();
  judge({}, f, false, "", {false, given.says, true});
  EXPECT_EQ(f.verdict, Verdict::out_of_band);
  EXPECT_EQ(f.evidence.back().kind, "approval");
  f = finding();
  judge({tofu()}, f, false, "", {false, "", false});
  EXPECT_EQ(f.verdict, Verdict::pending);
}

TEST(Judge, strangers_and_declared_owners_need_no_approval) {
  auto f = finding();
  judge({}, f, false, "", none_given);
  EXPECT_EQ(f.verdict, Verdict::out_of_band);
  EXPECT_EQ(f.severity, wire::Severity::high);
  Rule owner = tofu();
  owner.verdict = Verdict::expected_runtime;
  f = finding();
  judge({owner}, f, false, "", none_given);
  EXPECT_EQ(f.verdict, Verdict::expected_runtime);
}

TEST(Judge, a_rule_proves_nothing_of_a_change_that_another_program_had_a_part_in) {
  auto f = finding(ComparisonResult::mismatch);
  f.first_actor.emplace().exe = "/bin/bash";
  judge({tofu()}, f, false);
  EXPECT_EQ(f.verdict, Verdict::out_of_band);
  EXPECT_EQ(f.severity, wire::Severity::high);
  EXPECT_THAT(f.missing_evidence, Contains(HasSubstr("first_actor")));
}

TEST(Judge, another_digest_under_the_same_name_is_no_proof) {
  auto f = finding(ComparisonResult::match);
  f.actor.lineage[0].exe_sha256 = "cc";
  judge({tofu()}, f, false);
  EXPECT_EQ(f.verdict, Verdict::converged_by_stranger);
}

TEST(Judge, an_unknown_actor_fits_no_condition_about_actors) {
  auto f = finding();
  f.actor = {};
  Rule rule = tofu();
  rule.when.uid = {0};
  judge({rule}, f, false);
  EXPECT_EQ(f.rule, "default");
}

TEST(Judge, the_first_rule_that_fits_wins_and_every_condition_must_hold) {
  Rule other = tofu();
  other.name = "other";
  other.when.path = {"/etc/ssh/**"};
  auto f = finding(ComparisonResult::match);
  judge({other, tofu()}, f, false);
  EXPECT_EQ(f.rule, "tofu");
}

TEST(Judge, secrets_out_of_true_are_critical) {
  auto f = finding();
  judge({}, f, true);
  EXPECT_EQ(f.severity, wire::Severity::critical);
}

TEST(Globs, star_stays_in_a_segment_and_two_cross_it) {
  EXPECT_TRUE(path_glob_matches("/etc/*.conf", "/etc/a.conf"));
  EXPECT_FALSE(path_glob_matches("/etc/*.conf", "/etc/x/a.conf"));
  EXPECT_TRUE(path_glob_matches("/etc/**", "/etc/x/a.conf"));
  EXPECT_TRUE(path_glob_matches("/etc/**/*.conf", "/etc/x/y/a.conf"));
  EXPECT_FALSE(path_glob_matches("/etc/**/*.conf", "/etc/x/y/a.cfg"));
  EXPECT_TRUE(path_glob_matches("/etc/nginx", "/etc/nginx"));
  EXPECT_FALSE(path_glob_matches("/etc/nginx", "/etc/nginx2"));
  EXPECT_TRUE(text_glob_matches("tofu:*", "tofu:net/module.a/local_file.b"));
  EXPECT_FALSE(text_glob_matches("tofu:*", "file:/a"));
  EXPECT_TRUE(path_glob_matches("", ""));
}

TEST(Globs, a_pattern_made_to_be_slow_is_not) {
  std::string glob, text(5000, 'a');
  for (int i = 0; i < 500; ++i) glob += "*a";
  EXPECT_FALSE(path_glob_matches(glob + "b", text));
}

class JudgeToken : public ::testing::Test {
 protected:
  JudgeToken() {
    token_.is_signed = true;
    token_.pod_uid = "0a-1";
    token_.pod = "shop/web-1";
    in_pod("0a-1");
  }
  void in_pod(const std::string& uid) {
    finding_ = finding();
    finding_.actor.resolved = true;
    if (!uid.empty()) finding_.actor.container.emplace().pod_uid = uid;
  }
  void judged(bool exchanged = false, const std::vector<Rule>& rules = {}, const std::string& run = "") {
    judge(rules, finding_, false, run);
    judge_token(token_, exchanged, finding_);
  }
  static auto says(const std::string& text) {
    return Contains(::testing::Field(&wire::Evidence::says, HasSubstr(text)));
  }

  cloud::TokenProof token_;
  wire::Finding finding_;
};

TEST_F(JudgeToken, of_the_pod_in_which_the_caller_is) {
  judged();
  EXPECT_EQ(finding_.verdict, Verdict::out_of_band);
  EXPECT_EQ(finding_.severity, wire::Severity::high);
  EXPECT_THAT(finding_.evidence, says("for pod shop/web-1, in which the caller is"));
}

TEST_F(JudgeToken, in_the_hands_of_another_pod_is_an_impersonation_and_on_the_host_told) {
  in_pod("0b-2");
  judged();
  EXPECT_EQ(finding_.verdict, Verdict::impersonation);
  EXPECT_EQ(finding_.severity, wire::Severity::critical);
  EXPECT_THAT(finding_.evidence, says("the caller is in pod 0b-2"));
  in_pod("");
  judged();
  EXPECT_EQ(finding_.verdict, Verdict::out_of_band);
  EXPECT_THAT(finding_.evidence, says("a process of the host"));
}

TEST_F(JudgeToken, accuses_nobody_whose_pod_is_not_known) {
  in_pod("");
  finding_.actor.resolved = false;
  judged();
  EXPECT_EQ(finding_.verdict, Verdict::out_of_band);
  EXPECT_THAT(finding_.missing_evidence, Contains(HasSubstr("the caller's pod")));
  in_pod("");
  finding_.actor.container.emplace().id = "c";
  judged();
  EXPECT_EQ(finding_.verdict, Verdict::out_of_band);
}

TEST_F(JudgeToken, explains_nothing_that_a_rule_or_a_run_does_and_no_token_exchanged_on_a_pod_s_behalf) {
  in_pod("0b-2");
  judged(false, {tofu()});
  EXPECT_EQ(finding_.verdict, Verdict::pending);
  in_pod("0b-2");
  judged(false, {}, "tofu (pid 7) holds the lock");
  EXPECT_EQ(finding_.verdict, Verdict::pending);
  in_pod("0b-2");
  judged(true);
  EXPECT_EQ(finding_.verdict, Verdict::out_of_band);
  EXPECT_THAT(finding_.evidence, says("the token that its key was handed out for is signed"));
}

TEST_F(JudgeToken, says_nothing_where_nothing_is_proven) {
  token_.is_signed = false;
  in_pod("0b-2");
  judged();
  EXPECT_EQ(finding_.verdict, Verdict::out_of_band);
  EXPECT_THAT(finding_.evidence, ::testing::Not(says("token")));
}

TEST(JudgeTool, of_a_client_that_cannot_be_what_it_says_is_an_impersonation) {
  auto f = finding();
  judge({}, f, false);
  judge_tool("terraform", true, f);
  EXPECT_EQ(f.verdict, Verdict::impersonation);
  EXPECT_EQ(f.severity, wire::Severity::critical);
  EXPECT_THAT(f.evidence, Contains(::testing::Field(&wire::Evidence::says, HasSubstr("which is written in Go"))));
  auto may_be = finding();
  judge({}, may_be, false);
  judge_tool("terraform", false, may_be);
  EXPECT_EQ(may_be.verdict, Verdict::out_of_band);
  EXPECT_THAT(may_be.evidence, Contains(::testing::Field(&wire::Evidence::says, HasSubstr("no run of the baseline"))));
  auto of_run = finding();
  judge({}, of_run, false, "tofu (pid 7) holds the lock");
  judge_tool("terraform", true, of_run);
  EXPECT_EQ(of_run.verdict, Verdict::pending);
  auto of_none = finding();
  judge({}, of_none, false);
  judge_tool("", false, of_none);
  EXPECT_EQ(of_none.verdict, Verdict::out_of_band);
}

}  // namespace
}  // namespace plumbline::agent
