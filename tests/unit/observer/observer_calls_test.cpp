// Cloud API calls as the observer takes them: which resource each touches, and what becomes of its drift.
#include "tests/unit/observer/observer_fixture.hpp"

namespace plumbline::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using wire::DriftState;

class ObserverCalls : public ObserverFixture {
 protected:
  ObserverCalls() {
    write_state(1, "web");
    start_anew();
  }
  void start_anew() {
    make_observer(
        {spec_}, std::nullopt,
        [this](wire::Finding& finding, bool, const std::string&, const ApprovalState&) { finding.verdict = verdict_; });
    start();
  }
  void write_state(int serial, const std::string& description, const std::string& id = "sg-1") {
    const auto resource = [](const std::string& type, const std::string& name, const std::string& attributes) {
      return R"({"mode":"managed","type":")" + type + R"(","name":")" + name +
             R"(","provider":"provider[\"registry.terraform.io/hashicorp/aws\"]","instances":[{"attributes":{)" +
             attributes + "}}]}";
    };
    dir_.write("net.tfstate",
               R"({"version":4,"serial":)" + std::to_string(serial) + R"(,"lineage":"a","resources":[)" +
                   resource("aws_security_group", "web",
                            R"("id":")" + id + R"(","vpc_id":"vpc-1","description":")" + description + "\"") +
                   "," + resource("aws_vpc", "main", R"("id":"vpc-1")") + "]}");
  }
  void reload() {
    kernel_.touch(dir_ / "net.tfstate");
    observer_->on_ring();
    clock_.pass(std::chrono::seconds(1));
    observer_->on_timer();
  }
  static std::shared_ptr<const std::vector<CallType>> types(std::vector<CallType> all) {
    return std::make_shared<const std::vector<CallType>>(std::move(all));
  }
  static std::shared_ptr<const std::vector<CallType>> group(std::vector<CallSetting> settings = {}) {
    return types({{"aws_security_group", std::move(settings)}});
  }
  /// A merge that sets the description.
  void describe(const std::string& json) {
    semantics_ = "merge";
    call("ModifySecurityGroup", {{"sg-1", group({{"description", json}})}});
  }
  void call(const std::string& operation, std::vector<CallTarget> targets, const std::string& outcome = "succeeded") {
    SeenCall seen;
    seen.actor.at_boot_ns = static_cast<std::uint64_t>(clock_.boot());
    seen.call.provider = "aws";
    seen.call.service = "ec2";
    seen.call.operation = operation;
    seen.call.outcome = outcome;
    seen.call.semantics = semantics_;
    seen.is_cut = is_cut_;
    for (const auto& target : targets) seen.call.ids.push_back(target.id);
    seen.targets = std::move(targets);
    observer_->take_call(seen);
  }
  std::vector<std::string> drifted(DriftState state = DriftState::open) {
    std::vector<std::string> all;
    for (const auto& drift : state_.drifts())
      if (drift.state == state) all.push_back(drift.resource);
    return all;
  }

  const baseline::SourceSpec spec_{"net", "terraform_state", dir_ / "net.tfstate"};
  wire::Verdict verdict_ = wire::Verdict::out_of_band;
  std::string semantics_;
  bool is_cut_ = false;
};

TEST_F(ObserverCalls, a_call_is_drift_of_the_resource_that_it_names) {
  call("AuthorizeSecurityGroupIngress", {{"sg-1", group()}});
  ASSERT_THAT(drifted(), ElementsAre("tofu:net/aws_security_group.web"));
  const auto drift = state_.drifts()[0];
  EXPECT_EQ(drift.kind, "call");
  EXPECT_EQ(drift.baseline, "net");
  ASSERT_TRUE(drift.call);
  EXPECT_EQ(drift.call->operation, "AuthorizeSecurityGroupIngress");
  EXPECT_EQ(counters_.calls, 1u);
}

TEST_F(ObserverCalls, what_a_call_merely_refers_to_is_not_touched_by_it) {
  call("ModifySecurityGroup", {{"vpc-1", nullptr}, {"sg-1", nullptr}});
  EXPECT_THAT(drifted(), ElementsAre("tofu:net/aws_security_group.web"));
}

TEST_F(ObserverCalls, what_nobody_manages_is_counted) {
  call("AuthorizeSecurityGroupIngress", {{"sg-2", group()}});
  call("ModifyVpcAttribute", {{"sg-1", types({{"aws_vpc", {}}})}});
  EXPECT_THAT(drifted(), IsEmpty());
  EXPECT_EQ(counters_.calls_unmanaged, 2u);
}

TEST_F(ObserverCalls, what_nobody_manages_is_a_finding_without_drift_where_that_is_asked_for) {
  observer_->set_unowned_calls({"aws:ec2:Delete*", "gcp:*:*"});
  call("DeleteVolume", {{"vol-1", nullptr}});
  call("CreateVolume", {{"vol-2", nullptr}});
  call("DeleteSecurityGroup", {{"sg-1", group()}});
  const auto findings = state_.findings();
  ASSERT_THAT(findings, SizeIs(2));
  EXPECT_EQ(findings[1].resource, "aws:ec2::vol-1");
  EXPECT_EQ(findings[1].drift_id, "");
  EXPECT_EQ(findings[1].comparison, wire::ComparisonResult::not_comparable);
  EXPECT_EQ(findings[0].resource, "tofu:net/aws_security_group.web") << "which a baseline describes";
  EXPECT_THAT(drifted(), SizeIs(1));
}

TEST_F(ObserverCalls, of_which_not_all_was_read_matches_nothing) {
  write_state(1, "as declared");
  reload();
  describe("\"as declared\"");
  EXPECT_EQ(state_.findings()[0].comparison, wire::ComparisonResult::match);
  is_cut_ = true;
  describe("\"as declared\"");
  EXPECT_EQ(state_.findings()[0].comparison, wire::ComparisonResult::not_comparable);
  describe("\"another\"");
  EXPECT_EQ(state_.findings()[0].comparison, wire::ComparisonResult::mismatch) << "what was read counts";
}

TEST_F(ObserverCalls, what_others_may_change_is_no_drift_of_the_resources_that_are_named) {
  observer_->set_ignored({{"tofu:net/aws_vpc.*", {"description"}}, {"*", {"name"}}});
  write_state(1, "as declared");
  reload();
  describe("\"other\"");
  EXPECT_THAT(drifted(), SizeIs(1)) << "of a vpc alone";
  observer_->set_ignored({{"*aws_security_group.w*", {"desc*"}}});
  describe("\"another\"");
  EXPECT_EQ(state_.findings()[0].comparison, wire::ComparisonResult::match);
}

TEST_F(ObserverCalls, whom_an_unseen_one_is_with_is_told_with_how_that_is_known) {
  observer_->set_unowned_calls({"aws:ec2:unknown"});
  for (const char* by : {"sni", "dns"}) {
    SeenCall seen;
    seen.actor.at_boot_ns = static_cast<std::uint64_t>(clock_.boot());
    seen.unseen = seen.may_change = true;
    seen.call.provider = "aws";
    seen.call.service = "ec2";
    seen.call.operation = "unknown";
    seen.call.host = "ec2.eu-west-1.amazonaws.com";
    seen.call.host_by = by;
    observer_->take_call(seen);
    const auto finding = state_.findings().front();
    ASSERT_THAT(finding.evidence, Not(IsEmpty()));
    const bool by_dns = std::string(by) == "dns";
    EXPECT_EQ(finding.evidence.front().says, by_dns ? "its address is one that DNS gave for ec2.eu-west-1.amazonaws.com"
                                                    : "it asked for ec2.eu-west-1.amazonaws.com by name");
    EXPECT_EQ(std::any_of(finding.missing_evidence.begin(), finding.missing_evidence.end(),
                          [](const std::string& missing) { return missing.starts_with("name: "); }),
              by_dns);
  }
}

TEST_F(ObserverCalls, one_that_changed_nothing_is_no_drift) {
  for (const char* outcome : {"denied", "failed", "dry_run"}) call("DeleteSecurityGroup", {{"sg-1", group()}}, outcome);
  EXPECT_THAT(drifted(), IsEmpty());
  EXPECT_EQ(counters_.findings_not_comparable, 3u) << "and is on record";
  call("DeleteSecurityGroup", {{"sg-1", group()}}, "unknown");
  EXPECT_THAT(drifted(), SizeIs(1));
}

TEST_F(ObserverCalls, a_baseline_that_shows_what_could_not_be_compared_accepts_it) {
  call("ModifySecurityGroup", {{"sg-1", group({{"description", std::nullopt}})}});
  write_state(2, "web");
  reload();
  EXPECT_THAT(drifted(), SizeIs(1)) << "another serial, and the same group: it does not explain a stranger's call";
  write_state(3, "changed");
  reload();
  EXPECT_THAT(drifted(), IsEmpty());
  EXPECT_THAT(drifted(DriftState::accepted), SizeIs(1));
}

TEST_F(ObserverCalls, a_revision_that_shows_another_attribute_explains_nothing_of_this_one) {
  semantics_ = "merge";
  call("ModifySecurityGroup", {{"sg-1", group({{"vpc_id", R"("vpc-9")"}})}});
  write_state(2, "changed by its tool");
  reload();
  ASSERT_THAT(drifted(), SizeIs(1));
  EXPECT_EQ(state_.drifts()[0].diff.at(0).attribute, "vpc_id");
  describe(R"("hacked")");
  write_state(3, "hacked");
  reload();
  EXPECT_THAT(drifted(), SizeIs(1)) << "one of both is left";
}

TEST_F(ObserverCalls, a_revision_that_says_nothing_of_what_a_call_did_explains_nothing) {
  call("ModifySecurityGroup", {{"sg-1", group({{"vpc_id", std::nullopt}})}});
  call("ModifyVpcAttribute", {{"vpc-1", types({{"aws_vpc", {}}})}});
  write_state(2, "changed by its tool");
  reload();
  EXPECT_THAT(drifted(), SizeIs(2)) << "another attribute, and a call of which nobody knows what it sets";
}

TEST_F(ObserverCalls, what_was_deleted_is_there_again_with_another_id_or_no_more) {
  semantics_ = "remove";
  call("DeleteSecurityGroup", {{"sg-1", group()}});
  write_state(2, "changed by its tool");
  reload();
  EXPECT_THAT(drifted(), SizeIs(1)) << "the state still has the one that is gone";
  write_state(3, "changed by its tool", "sg-2");
  reload();
  EXPECT_THAT(drifted(DriftState::accepted), SizeIs(1));
}

TEST_F(ObserverCalls, what_a_known_writer_did_is_accepted_by_the_next_revision) {
  verdict_ = wire::Verdict::pending;
  call("ModifySecurityGroup", {{"sg-1", group()}});
  write_state(2, "web");
  reload();
  EXPECT_THAT(drifted(), IsEmpty());
}

TEST_F(ObserverCalls, its_drift_survives_a_restart_and_ends_with_its_baseline) {
  call("ModifySecurityGroup", {{"sg-1", group()}});
  ASSERT_TRUE(observer_->checkpoint());
  start_anew();
  EXPECT_THAT(drifted(), SizeIs(1));
  EXPECT_EQ(state_.drifts()[0].call->operation, "ModifySecurityGroup");
  observer_->set_sources({});
  EXPECT_THAT(drifted(), IsEmpty());
}

TEST_F(ObserverCalls, what_it_sets_is_compared_with_the_baseline) {
  describe(R"("hacked")");
  ASSERT_THAT(drifted(), SizeIs(1));
  const auto drift = state_.drifts()[0];
  EXPECT_EQ(drift.comparison, wire::ComparisonResult::mismatch);
  ASSERT_THAT(drift.diff, SizeIs(1));
  EXPECT_EQ(drift.diff[0].attribute, "description");
  EXPECT_EQ(drift.diff[0].expected, "web");
  EXPECT_EQ(drift.diff[0].live, "hacked");
  EXPECT_THAT(drift.call->sets, ElementsAre("description"));
}

TEST_F(ObserverCalls, a_call_that_sets_what_is_expected_is_no_drift) {
  describe(R"("web")");
  EXPECT_THAT(drifted(), IsEmpty());
  EXPECT_EQ(counters_.findings_match, 1u) << "and is on record";
}

TEST_F(ObserverCalls, is_right_again_once_all_of_it_was_put_back) {
  describe(R"("hacked")");
  semantics_ = "merge";
  call("ModifySecurityGroup", {{"sg-1", group({{"vpc_id", R"("vpc-2")"}})}});
  ASSERT_THAT(state_.drifts()[0].diff, SizeIs(2)) << "one call tells nothing of what another one did";
  verdict_ = wire::Verdict::in_band;
  describe(R"("web")");
  ASSERT_THAT(drifted(), SizeIs(1));
  EXPECT_THAT(state_.drifts()[0].diff, SizeIs(1));
  EXPECT_EQ(state_.drifts()[0].verdict, wire::Verdict::out_of_band);
  call("ModifySecurityGroup", {{"sg-1", group({{"vpc_id", R"("vpc-1")"}})}});
  EXPECT_THAT(drifted(), IsEmpty());
  EXPECT_THAT(drifted(DriftState::resolved), SizeIs(1));
}

TEST_F(ObserverCalls, what_a_stranger_says_to_have_put_back_stays_open_until_somebody_known_does) {
  describe(R"("hacked")");
  verdict_ = wire::Verdict::converged_by_stranger;
  const auto claims = [this] {
    const auto evidence = state_.drifts()[0].evidence;
    return std::count_if(evidence.begin(), evidence.end(), [](const auto& e) { return e.kind == "put_back"; });
  };
  for (int i = 0; i < 2; ++i) {
    describe(R"("web")");
    ASSERT_THAT(drifted(), SizeIs(1));
    EXPECT_THAT(state_.drifts()[0].diff, SizeIs(1)) << "its client may talk to a server of its own";
    EXPECT_EQ(state_.drifts()[0].comparison, wire::ComparisonResult::mismatch);
    EXPECT_EQ(claims(), 1);
  }
  EXPECT_EQ(state_.drifts()[0].count, 3u);
  EXPECT_THAT(state_.findings()[0].missing_evidence,
              ::testing::Contains(::testing::HasSubstr("only the call says so")));
  ASSERT_TRUE(observer_->checkpoint());
  start_anew();
  EXPECT_EQ(claims(), 1);
  verdict_ = wire::Verdict::in_band;
  describe(R"("web")");
  EXPECT_THAT(drifted(DriftState::resolved), SizeIs(1));
}

TEST_F(ObserverCalls, a_stranger_takes_nothing_out_of_a_drift) {
  describe(R"("hacked")");
  semantics_ = "merge";
  call("ModifySecurityGroup", {{"sg-1", group({{"description", R"("web")"}, {"vpc_id", R"("vpc-2")"}})}});
  EXPECT_THAT(state_.drifts()[0].diff, SizeIs(2)) << "one right and one wrong: both stay";
  call("ModifySecurityGroup", {{"sg-1", group({{"description", std::nullopt}})}});
  EXPECT_THAT(state_.drifts()[0].diff, SizeIs(2)) << "what cannot be compared";
  verdict_ = wire::Verdict::pending;
  call("ModifySecurityGroup", {{"sg-1", group({{"description", R"("web")"}, {"vpc_id", R"("vpc-3")"}})}});
  EXPECT_THAT(state_.drifts()[0].diff, SizeIs(2)) << "a rule may say that of a name";
  verdict_ = wire::Verdict::in_band;
  call("ModifySecurityGroup", {{"sg-1", group({{"description", R"("web")"}, {"vpc_id", R"("vpc-3")"}})}});
  ASSERT_THAT(state_.drifts()[0].diff, SizeIs(1));
  EXPECT_EQ(state_.drifts()[0].diff[0].live, "vpc-3");
}

TEST_F(ObserverCalls, what_was_never_compared_is_never_put_back) {
  call("ModifySecurityGroup", {{"sg-1", group()}});
  verdict_ = wire::Verdict::in_band;
  describe(R"("web")");
  EXPECT_THAT(drifted(), SizeIs(1));
}

TEST_F(ObserverCalls, what_was_not_compared_stays_when_something_else_differs) {
  using ::testing::Contains;
  using ::testing::HasSubstr;
  semantics_ = "merge";
  call("CreateTags", {{"sg-1", group({{"tags.backdoor", "\"1\""}})}});
  describe(R"("hacked")");
  EXPECT_THAT(state_.drifts()[0].missing_evidence, Contains(HasSubstr("tags.backdoor")));
  EXPECT_EQ(state_.drifts()[0].comparison, wire::ComparisonResult::mismatch);
  verdict_ = wire::Verdict::in_band;
  describe(R"("web")");
  ASSERT_THAT(drifted(), SizeIs(1)) << "the other tag is still there";
  EXPECT_EQ(state_.drifts()[0].comparison, wire::ComparisonResult::not_comparable);
  describe(R"("web")");
  EXPECT_THAT(drifted(), SizeIs(1));
  write_state(2, "changed by its tool");
  reload();
  EXPECT_THAT(drifted(), SizeIs(1)) << "a revision that says nothing of the tag";
}

TEST_F(ObserverCalls, what_was_not_compared_is_put_right_by_a_known_writer_who_says_what_it_is) {
  semantics_ = "merge";
  call("ModifySecurityGroup", {{"sg-1", group({{"description", std::nullopt}})}});
  describe(R"("web")");
  EXPECT_THAT(drifted(), SizeIs(1)) << "a stranger's word";
  verdict_ = wire::Verdict::in_band;
  describe(R"("web")");
  EXPECT_THAT(drifted(DriftState::resolved), SizeIs(1));
}

TEST_F(ObserverCalls, a_resource_that_is_deleted_is_missing) {
  semantics_ = "remove";
  call("DeleteSecurityGroup", {{"sg-1", group()}});
  ASSERT_THAT(drifted(), SizeIs(1));
  EXPECT_EQ(state_.drifts()[0].diff.at(0).live, "deleted");
}

TEST_F(ObserverCalls, a_secret_is_not_compared_and_told) {
  semantics_ = "merge";
  call("ModifySecurityGroup", {{"sg-1", group({{"description", std::nullopt}})}});
  ASSERT_THAT(drifted(), SizeIs(1));
  EXPECT_EQ(state_.drifts()[0].comparison, wire::ComparisonResult::not_comparable);
  EXPECT_THAT(state_.drifts()[0].missing_evidence, ::testing::Contains(::testing::HasSubstr("secret")));
}

TEST_F(ObserverCalls, more_than_a_drift_can_name_is_said_and_never_taken_for_put_right) {
  semantics_ = "delta";  // what earlier calls added stays
  for (int i = 0; i < 205; ++i)
    call("ModifySecurityGroup", {{"sg-1", group({{"description", "\"" + std::to_string(i) + "\""}})}});
  const auto drift = state_.drifts()[0];
  ASSERT_THAT(drift.diff, SizeIs(201));
  EXPECT_EQ(drift.diff.back().attribute, "others");
  verdict_ = wire::Verdict::in_band;
  describe(R"("web")");
  EXPECT_THAT(drifted(), SizeIs(1));
}

}  // namespace
}  // namespace plumbline::agent
