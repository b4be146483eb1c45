#include "agent/correlate/principals.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plumbline::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t now = 1'000'000;
// Of one account: 029608264753.
const std::string first = "ASIAQNZGKIQY56JQ7WML", second = "ASIAQNZGKIQY56AAAAAA", third = "ASIAQNZGKIQY56BBBBBB";

std::string arn(const std::string& name) {
  return "arn:aws:sts::029608264753:assumed-role/" + name + "/s";
}

cloud::Operation handed(const std::string& key, const std::string& role, const std::string& by,
                        const std::string& subject = "", std::int64_t expires = now + 3'600) {
  cloud::Operation operation;
  operation.access_key_id = by;
  operation.grant = cloud::Grant{key, role.empty() ? "" : arn(role), subject, expires, "", {}};
  return operation;
}

TEST(Principals, know_whom_a_key_was_handed_out_to) {
  Principals principals({});
  EXPECT_EQ(principals.look_up(first, now), nullptr);
  principals.learn(handed(first, "a", "AKIAIOSFODNN7EXAMPLE"), now);
  principals.learn(cloud::Operation{}, now);  // hands out nothing
  const auto* known = principals.look_up(first, now);
  ASSERT_NE(known, nullptr);
  EXPECT_EQ(known->arn, arn("a"));
  EXPECT_THAT(known->chain, ElementsAre("AKIAIOSFODNN7EXAMPLE"));
  EXPECT_EQ(principals.look_up("AKIAIOSFODNN7EXAMPLE", now), nullptr);
}

TEST(Principals, follow_a_chain_to_the_token_that_it_began_with) {
  Principals principals({});
  auto exchanged = handed(first, "a", "", "system:serviceaccount:shop:deployer");
  exchanged.grant->token = {true, "0a-1", "shop/web-1"};
  principals.learn(exchanged, now);
  principals.learn(handed(second, "b", first), now);
  principals.learn(handed(third, "", second), now);  // a session of whoever asked
  EXPECT_THAT(principals.look_up(second, now)->chain, ElementsAre(arn("a"), "system:serviceaccount:shop:deployer"));
  EXPECT_EQ(principals.look_up(third, now)->arn, "");
  EXPECT_THAT(principals.look_up(third, now)->chain,
              ElementsAre(arn("b"), arn("a"), "system:serviceaccount:shop:deployer"));
  EXPECT_EQ(principals.look_up(third, now)->token.pod_uid, "0a-1") << "what proves its end goes along";
  // What a role came from is known, though the one before is long over.
  EXPECT_EQ(principals.look_up(first, now + 3'600), nullptr);
}

TEST(Principals, cut_chains_but_for_their_end) {
  Principals principals({});
  std::string before = "";
  for (char c = 'A'; c < 'A' + 20; ++c) {
    const std::string key = "ASIAQNZGKIQY56" + std::string(6, c);
    principals.learn(
        handed(key, std::string(1, c), before, before.empty() ? "system:serviceaccount:shop:deployer" : ""), now);
    before = key;
  }
  const auto& chain = principals.look_up(before, now)->chain;
  EXPECT_THAT(chain, SizeIs(Principals::longest_chain));
  EXPECT_EQ(chain.front(), arn("S"));
  EXPECT_EQ(chain.back(), "system:serviceaccount:shop:deployer");
}

TEST(Principals, forget_what_is_over) {
  Principals principals({100, 1'000, 500});
  principals.learn(handed(first, "a", "", "", now + 10), now);
  EXPECT_NE(principals.look_up(first, now + 9), nullptr);
  EXPECT_EQ(principals.look_up(first, now + 10), nullptr);
  principals.learn(handed(first, "b", "", "", now + 100'000), now + 20);  // the key is somebody else's by then
  EXPECT_EQ(principals.look_up(first, now + 1'019)->arn, arn("b"));
  EXPECT_EQ(principals.look_up(first, now + 1'020), nullptr);  // no longer than any may last
  principals.learn(handed(second, "a", "", "", 0), now);
  EXPECT_NE(principals.look_up(second, now + 499), nullptr);
  EXPECT_EQ(principals.look_up(second, now + 500), nullptr);
  principals.learn(handed(third, "a", "", "", now - 1), now);
  EXPECT_EQ(principals.size(), 2u);
}

/// Whoever talks to a server of his own can have it say anything.
TEST(Principals, do_not_believe_what_does_not_fit) {
  Principals principals({});
  auto other = handed(first, "a", "");
  other.grant->arn = "arn:aws:sts::999999999999:assumed-role/admin/s";
  principals.learn(other, now);
  EXPECT_EQ(principals.look_up(first, now), nullptr);
  EXPECT_EQ(principals.refused(), 1u);

  principals.learn(handed(first, "a", "x"), now);
  principals.learn(handed(first, "a", "x"), now);  // said twice
  EXPECT_EQ(principals.refused(), 1u);
  EXPECT_NE(principals.look_up(first, now), nullptr);
  principals.learn(handed(first, "admin", "x"), now);
  EXPECT_EQ(principals.look_up(first, now), nullptr);
  EXPECT_EQ(principals.refused(), 2u);
  principals.learn(handed(second, "b", first), now);  // of a key of whom nothing is sure
  EXPECT_THAT(principals.look_up(second, now)->chain, ElementsAre(first));
}

TEST(Principals, are_bounded_and_the_oldest_goes) {
  Principals principals({2, 1'000, 500});
  principals.learn(handed(first, "a", "", "s"), now);
  principals.learn(handed(second, "b", "", "s"), now);
  principals.learn(handed(third, "c", "", "s"), now);
  EXPECT_EQ(principals.size(), 2u);
  EXPECT_EQ(principals.look_up(first, now), nullptr);
  EXPECT_NE(principals.look_up(second, now), nullptr);
  EXPECT_NE(principals.look_up(third, now), nullptr);
}

cloud::Operation of_endpoint(const std::string& key, const std::string& source, const std::string& arn,
                             const std::string& subject) {
  cloud::Operation operation;
  operation.grant = cloud::Grant{key, arn, subject, now + 3'600, source, {}};
  return operation;
}

TEST(Principals, know_what_the_node_s_own_endpoints_handed_out) {
  Principals principals({});
  principals.learn(of_endpoint(first, "imds", "", "role/web"), now);
  principals.learn(of_endpoint(first, "imds", "", "role/web"), now);  // it is asked again and again
  EXPECT_THAT(principals.look_up(first, now)->chain, ElementsAre("role/web", "imds"));
  principals.learn(of_endpoint(second, "ecs", "arn:aws:iam::029608264753:role/task", ""), now);
  EXPECT_EQ(principals.look_up(second, now)->arn, "arn:aws:iam::029608264753:role/task");
  EXPECT_THAT(principals.look_up(second, now)->chain, ElementsAre("ecs"));
  // A role that is assumed with them came by way of them.
  principals.learn(handed(third, "b", first), now);
  EXPECT_THAT(principals.look_up(third, now)->chain, ElementsAre("role/web", "imds"));
  principals.learn(of_endpoint(first, "imds", "", "role/other"), now);
  EXPECT_EQ(principals.look_up(first, now), nullptr);
}

/// The Pod Identity agent asks AWS and hands out what it got: two answers about one key, of which the API's says more.
TEST(Principals, believe_two_answers_of_one_key_that_do_not_contradict_each_other) {
  const std::string subject = "system:serviceaccount:shop:deployer";
  const auto by_api = handed(first, "web", "", subject);
  const auto by_pod = of_endpoint(first, "eks-pod-identity", "", subject);
  for (const bool api_first : {true, false}) {
    Principals principals({});
    principals.learn(api_first ? by_api : by_pod, now);
    principals.learn(api_first ? by_pod : by_api, now);
    ASSERT_NE(principals.look_up(first, now), nullptr);
    EXPECT_EQ(principals.look_up(first, now)->arn, arn("web"));
    EXPECT_THAT(principals.look_up(first, now)->chain, ElementsAre(subject));
    principals.learn(of_endpoint(first, "ecs", "arn:aws:iam::029608264753:role/path/web", ""), now);
    EXPECT_NE(principals.look_up(first, now), nullptr) << "the role of that session";
    principals.learn(of_endpoint(first, "ecs", "arn:aws:iam::029608264753:role/webs", ""), now);
    EXPECT_EQ(principals.look_up(first, now), nullptr);
  }
}

}  // namespace
}  // namespace plumbline::agent
