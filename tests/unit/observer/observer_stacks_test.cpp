// Stacks of CloudFormation: what is changed through them is no finding, and they are asked for again.
#include "tests/unit/observer/observer_fixture.hpp"

namespace plumbline::agent {
namespace {

using ::testing::ElementsAre;

constexpr const char* arn = "arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/5d1c";
constexpr const char* stack = R"({"Stacks":[{"StackId":"arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/5d1c",
"StackName":"shop","StackStatus":"UPDATE_COMPLETE","CreationTime":"2026-01-01T00:00:00Z"}],
"StackResourceSummaries":[{"LogicalResourceId":"Web","PhysicalResourceId":"sg-1","ResourceType":"AWS::EC2::SecurityGroup",
"ResourceStatus":"CREATE_COMPLETE"}]})";

class ObserverStacks : public ObserverFixture {
 protected:
  void begin(const std::string& at) {
    make_observer({{"shop", "cloudformation", at}}, std::nullopt,
                  [](wire::Finding& finding, bool, const std::string&, const ApprovalState&) {
                    finding.verdict = wire::Verdict::out_of_band;
                  });
    start();
    observer_->set_unowned_calls({"aws:cloudformation:*"});
    observer_->set_ask_again([this](const std::string& name, bool) { asked_.push_back(name); });
  }
  void call(const std::string& operation, const std::string& of, const std::string& region = "eu-west-1",
            const std::string& outcome = "succeeded") {
    SeenCall seen;
    seen.actor.at_boot_ns = static_cast<std::uint64_t>(clock_.boot());
    seen.call.provider = "aws";
    seen.call.service = "cloudformation";
    seen.call.operation = operation;
    seen.call.region = region;
    seen.call.outcome = outcome;
    seen.stack = of;
    seen.targets = {{of, nullptr}};
    observer_->take_call(seen);
  }
  std::vector<std::string> asked_;
};

TEST_F(ObserverStacks, a_change_through_a_stack_that_is_a_baseline_is_not_told) {
  begin(dir_.write("shop.json", stack));
  call("UpdateStack", "shop");
  call("ExecuteChangeSet", arn);
  EXPECT_EQ(state_.findings().size(), 0u);
  call("UpdateStack", "sho");
  call("UpdateStack", "shop", "us-east-1");
  call("UpdateStack", "shop", "eu-west-1", "denied");
  call("SetStackPolicy", "");
  EXPECT_EQ(state_.findings().size(), 4u) << "of another stack, or nothing that changes what is in it";
}

TEST_F(ObserverStacks, a_change_set_that_is_executed_by_its_arn_is_of_the_stack_it_was_made_for) {
  begin(dir_.write("shop.json", stack));
  const auto set = [this](const std::string& operation, const std::string& id, const std::string& made_for) {
    SeenCall seen;
    seen.call.provider = "aws";
    seen.call.service = "cloudformation";
    seen.call.operation = operation;
    seen.call.region = "eu-west-1";
    seen.call.outcome = "succeeded";
    seen.change_set = id;
    seen.made_for = made_for;
    observer_->take_call(seen);
    return state_.findings().size();
  };
  EXPECT_EQ(set("ExecuteChangeSet", "arn:c1", ""), 1u) << "nobody saw it being made";
  EXPECT_EQ(set("CreateChangeSet", "arn:c1", "shop"), 2u);
  EXPECT_EQ(set("CreateChangeSet", "arn:c1", "other"), 3u) << "an ARN is used once";
  EXPECT_EQ(set("CreateChangeSet", "arn:c2", "other"), 4u);
  EXPECT_EQ(set("ExecuteChangeSet", "arn:c1", ""), 4u);
  EXPECT_EQ(set("ExecuteChangeSet", "arn:c2", ""), 5u) << "another stack's";
}

TEST(ChangeSets, make_room_for_others) {
  ChangeSets sets(2);
  for (const char* set : {"a", "b", "c"}) sets.made(set, "shop");
  EXPECT_EQ(sets.stack_of("a"), "");
  EXPECT_EQ(sets.stack_of("c"), "shop");
  EXPECT_EQ(sets.forgotten(), 1u);
}

TEST_F(ObserverStacks, what_somebody_else_does_to_its_resources_is_drift_all_the_while) {
  begin(dir_.write("shop.json", stack));
  call("UpdateStack", "shop");
  SeenCall seen;
  seen.call.operation = "DeleteSecurityGroup";
  seen.call.outcome = "succeeded";
  seen.call.semantics = "remove";
  seen.targets = {
      {"sg-1", std::make_shared<const std::vector<CallType>>(std::vector<CallType>{{"AWS::EC2::SecurityGroup", {}}})}};
  observer_->take_call(seen);
  ASSERT_EQ(state_.drifts().size(), 1u);
  EXPECT_EQ(state_.drifts()[0].verdict, wire::Verdict::out_of_band);
}

TEST_F(ObserverStacks, a_stack_from_elsewhere_is_asked_for_again_until_it_may_be_done) {
  begin("https://states.example/shop.json");
  const auto keepers = observer_->remote_keepers();
  ASSERT_EQ(keepers.size(), 1u);
  auto taken = keepers[0]->load(false, std::string_view(stack));
  ASSERT_TRUE(taken) << taken.error().message();
  observer_->take_fetched(*keepers[0], std::move(*taken), baseline::Move::none);
  call("UpdateStack", "shop");
  const auto after = [&](int seconds) {
    asked_.clear();
    for (int i = 0; i < seconds; ++i) {
      clock_.pass(std::chrono::seconds(1));
      observer_->on_timer();
    }
    return asked_.size();
  };
  EXPECT_EQ(after(4), 0u);
  EXPECT_EQ(after(1), 1u);
  EXPECT_EQ(after(10), 1u);
  EXPECT_EQ(after(20), 1u);
  const auto rest = after(3600);
  EXPECT_GT(rest, 25u);
  EXPECT_LT(rest, 35u);
  EXPECT_EQ(after(3600), 0u) << "not for ever";
}

}  // namespace
}  // namespace plumbline::agent
