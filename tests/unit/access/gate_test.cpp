#include "access/gate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "access/bearer_jwt.hpp"
#include "tests/unit/access/api_server_double.hpp"
#include "tests/unit/support/issuer.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::access {
namespace {

using http::Need;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* reader = "a-token-of-a-reader-0123456789";
constexpr const char* admin = "a-token-of-an-admin-0123456789";

class GateTest : public ::testing::Test {
 protected:
  void open(Policy policy) {
    auto made = Gate::make(std::move(policy), clock_, nullptr);
    ASSERT_TRUE(made) << made.error().message();
    gate_ = std::move(*made);
    gate_->start();
  }
  Policy of_tokens() {
    Policy policy;
    policy.asks_people = policy.asks_agents = true;
    policy.people.push_back({"scraper", false, {}, dir_.write("reader", reader), {}, {}});
    policy.people.push_back({"ops", true, {}, dir_.write("admin", admin), {}, {}});
    return policy;
  }
  struct Outcome {
    int status = 0;  // 0 = let in
    std::string says;
    http::Caller caller;
  };
  Outcome ask(Need need, const std::string& bearer, const std::optional<http::ClientCertificate>& certificate = {},
              const std::string& path = "/v1/drift") {
    http::Request request;
    request.method = need == Need::read ? "GET" : "POST";
    request.path = path;
    request.peer = "192.0.2.7:4711";
    if (!bearer.empty()) request.headers.emplace_back("authorization", "bearer " + bearer);
    if (certificate) request.certificate = std::make_shared<const http::ClientCertificate>(*certificate);
    std::promise<http::Admission> promise;
    gate_->guard()(request, need, [&](http::Admission admission) { promise.set_value(std::move(admission)); });
    const auto admission = promise.get_future().get();
    if (admission.caller) return {0, "", *admission.caller};
    EXPECT_THAT(admission.refusal.body, Not(HasSubstr(bearer.empty() ? "\x01" : bearer))) << "a secret in an answer";
    return {admission.refusal.status, admission.refusal.body, {}};
  }

  const SystemClock clock_;
  const TempDir dir_;
  std::unique_ptr<Gate> gate_;
};

TEST_F(GateTest, on_loopback_without_a_policy_whoever_comes_may_all) {
  open({});
  for (const Need need : {Need::read, Need::admin, Need::report}) EXPECT_EQ(ask(need, "").status, 0);
  EXPECT_TRUE(ask(Need::report, "").caller.may_speak_for("any"));
}

TEST_F(GateTest, a_token_opens_what_its_role_is_for) {
  open(of_tokens());
  EXPECT_EQ(ask(Need::read, reader).status, 0);
  EXPECT_EQ(ask(Need::admin, admin).status, 0);
  EXPECT_EQ(ask(Need::read, admin).status, 0);
  const auto no_admin = ask(Need::admin, reader);
  EXPECT_EQ(no_admin.status, 403);
  EXPECT_THAT(no_admin.says, HasSubstr("may only read (access, scraper)"));
  EXPECT_EQ(ask(Need::read, "").status, 401);
  EXPECT_EQ(ask(Need::read, std::string(reader) + "x").status, 401);
  EXPECT_EQ(ask(Need::report, reader).status, 401) << "who reads is no agent";
  EXPECT_EQ(gate_->stats().admitted, 3U);
  EXPECT_EQ(gate_->stats().unauthenticated, 3U);
  EXPECT_EQ(gate_->stats().forbidden, 1U);
}

TEST_F(GateTest, an_agents_certificate_says_whose_node_it_is_of_and_reads_nothing) {
  open(of_tokens());
  const auto agent = ask(Need::report, "", http::ClientCertificate{"web-1", {"web-1.example"}, {}});
  ASSERT_EQ(agent.status, 0) << agent.says;
  EXPECT_THAT(agent.caller.nodes, ElementsAre("web-1.example", "web-1"));
  EXPECT_FALSE(agent.caller.may_speak_for("web-2"));
  EXPECT_EQ(ask(Need::report, "", http::ClientCertificate{"", {}, {"spiffe://x/ns/y"}}).status, 403);
  EXPECT_EQ(ask(Need::read, "", http::ClientCertificate{"web-1", {}, {}}).status, 401);
}

TEST_F(GateTest, a_certificate_of_before_a_nodes_were_revoked_is_refused) {
  open(of_tokens());
  http::ClientCertificate certificate{"", {}, {"spiffe://plumbline/node/web-1"}, 100};
  EXPECT_EQ(ask(Need::report, "", certificate).status, 0);
  gate_->refuse_older({{"web-1", 101}, {"web-2", 500}});
  const auto refused = ask(Need::report, "", certificate);
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.says, HasSubstr("the certificates of web-1 that were issued before now were revoked"));
  EXPECT_THAT(refused.says, HasSubstr("plumb token create"));
  EXPECT_EQ(gate_->stats().revoked, 1U);
  certificate.not_before = 101;
  EXPECT_EQ(ask(Need::report, "", certificate).status, 0) << "it enrolled anew";
  EXPECT_EQ(gate_->oldest_taken("web-1"), 101);
  EXPECT_EQ(gate_->oldest_taken("web-3"), 0);
  certificate = {"web-3", {"web-2"}, {}, 499};
  EXPECT_EQ(ask(Need::report, "", certificate).status, 403) << "any of its names";
}

TEST_F(GateTest, a_persons_certificate_is_no_agents) {
  Policy policy;
  policy.asks_people = policy.asks_agents = true;
  policy.people.push_back({"auditors", false, {"*@audit.example"}, "", {}, {}});
  open(std::move(policy));
  const http::ClientCertificate jo{"jo@audit.example", {}, {}};
  EXPECT_EQ(ask(Need::read, "", jo).status, 0);
  EXPECT_EQ(ask(Need::admin, "", jo).status, 403);
  const auto as_agent = ask(Need::report, "", jo);
  EXPECT_EQ(as_agent.status, 403);
  EXPECT_THAT(as_agent.says, HasSubstr("no agent's"));
}

TEST_F(GateTest, the_agents_token_speaks_for_all_nodes) {
  Policy policy;
  policy.asks_agents = true;
  policy.agents.token_file = dir_.write("token", "t0ken");
  open(std::move(policy));
  EXPECT_TRUE(ask(Need::report, "t0ken").caller.any_node);
  EXPECT_EQ(ask(Need::report, "t0kem").status, 401);
  EXPECT_EQ(ask(Need::report, "").status, 401);
}

class GateOfTokens : public GateTest {
 protected:
  std::string token(const Issuer& issuer, const std::string& claims, std::int64_t lasts_s = 3'600) const {
    return issuer.token(R"({"iss":"https://i","aud":"plumbline",)" + claims + R"(,"exp":)" +
                        std::to_string(clock_.wall() / 1'000'000'000 + lasts_s) + "}");
  }
  const Issuer issuer_{"EdDSA"};
};

TEST_F(GateOfTokens, a_jwt_is_proven_by_its_issuers_keys) {
  Policy policy;
  policy.asks_people = true;
  JwtConfig jwt;
  jwt.keys = {dir_.write("keys.json", issuer_.jwks()), "", "", "https://i", false};
  jwt.claims = {{"groups", "sre"}};
  policy.people.push_back({"people", false, {}, "", jwt, {}});
  open(std::move(policy));
  const std::string jo = token(issuer_, R"("sub":"jo","groups":["sre"])");
  while (ask(Need::read, jo).status == 503) std::this_thread::yield();  // until the keys are read
  EXPECT_THAT(ask(Need::read, jo).caller.name, HasSubstr("jo"));
  EXPECT_EQ(ask(Need::admin, jo).status, 403);
  EXPECT_EQ(ask(Need::read, token(issuer_, R"("sub":"jo")")).status, 401);
  const auto expired = ask(Need::read, token(issuer_, R"("sub":"jo","groups":["sre"])", -3'600));
  EXPECT_EQ(expired.status, 401);
  EXPECT_THAT(expired.says, HasSubstr(expired_token));
  EXPECT_EQ(gate_->stats().expired, 1U);
  EXPECT_EQ(ask(Need::read, token(Issuer("EdDSA"), R"("sub":"jo","groups":["sre"])")).status, 401);
}

class GateOfACluster : public GateOfTokens {
 protected:
  void SetUp() override {
    KubernetesConfig config;
    config.api = {api_.url(), dir_.write("ours", "ours\n"), ""};
    Policy policy;
    policy.asks_people = policy.asks_agents = true;
    policy.people.push_back({"cluster", false, {}, "", {}, config});
    config.service_accounts = {"plumbline/agent"};
    policy.agents.kubernetes = config;
    open(std::move(policy));
    agent_ = known("system:serviceaccount:plumbline:agent", "web-1");
  }
  std::string known(const std::string& user, const std::string& node) {
    const std::string made = token(issuer_, R"("n":)" + std::to_string(++tokens_));
    api_.change([&](test::ApiServer& api) { api.tokens[made] = {user, node}; });
    return made;
  }
  test::ApiServer api_{false};  // two reviewers ask it
  int tokens_ = 0;
  std::string agent_;
};

TEST_F(GateOfACluster, an_agents_token_is_of_the_node_that_its_pod_runs_on) {
  const auto agent = ask(Need::report, agent_);
  ASSERT_EQ(agent.status, 0) << agent.says;
  EXPECT_THAT(agent.caller.nodes, ElementsAre("web-1"));
  EXPECT_THAT(agent.caller.name, HasSubstr("agent-x7"));
  const auto other = ask(Need::report, known("system:serviceaccount:shop:web", "web-1"));
  EXPECT_EQ(other.status, 403);
  EXPECT_THAT(other.says, HasSubstr("system:serviceaccount:shop:web"));
  const auto nowhere = ask(Need::report, known("system:serviceaccount:plumbline:agent", ""));
  EXPECT_EQ(nowhere.status, 403);
  EXPECT_THAT(nowhere.says, HasSubstr("1.30"));
  EXPECT_EQ(ask(Need::report, token(issuer_, R"("n":0)")).status, 401) << "nobody's";
}

TEST_F(GateOfACluster, people_may_what_the_cluster_lets_them) {
  const std::string jo = known("jo", "");
  api_.change([](test::ApiServer& api) { api.allowed = {"jo get /v1/drift"}; });
  EXPECT_EQ(ask(Need::read, jo).status, 0);
  const auto no = ask(Need::read, jo, {}, "/v1/nodes");
  EXPECT_EQ(no.status, 403);
  EXPECT_THAT(no.says, HasSubstr("get /v1/nodes"));
  EXPECT_EQ(ask(Need::admin, jo).status, 403) << "it is a POST";
}

TEST_F(GateOfACluster, what_cannot_be_a_token_of_it_is_not_asked_about) {
  EXPECT_EQ(ask(Need::read, "opaque").status, 401);
  EXPECT_EQ(ask(Need::read, "a b").status, 401);
  EXPECT_EQ(ask(Need::report, issuer_.token(R"({"aud":"other","exp":9999999999})")).status, 401);
  const auto expired = ask(Need::report, token(issuer_, R"("n":0)", -10));
  EXPECT_EQ(expired.status, 401);
  EXPECT_THAT(expired.says, HasSubstr(expired_token));
  EXPECT_EQ(api_.asked(), 0U);
}

TEST_F(GateOfACluster, a_cluster_that_does_not_answer_refuses_nobody) {
  api_.change([](test::ApiServer& api) { api.status = 500; });
  EXPECT_EQ(ask(Need::report, agent_).status, 503);
  EXPECT_EQ(gate_->stats().unavailable, 1U);
  EXPECT_EQ(gate_->stats().unauthenticated, 0U);
  const auto status = nlohmann::json::parse(gate_->status_json());
  EXPECT_THAT(status["reviews"].dump(), HasSubstr("it answers 500"));
  EXPECT_EQ(status["last_refusal"]["peer"], "192.0.2.7:4711");
}

TEST_F(GateTest, says_which_entry_it_cannot_begin_with) {
  Policy policy = of_tokens();
  std::filesystem::remove(dir_ / "reader");
  auto made = Gate::make(std::move(policy), clock_, nullptr);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message(), HasSubstr("access, scraper: "));
}

TEST_F(GateTest, tells_of_who_spoke_for_another) {
  open(of_tokens());
  http::Request request;
  request.peer = "192.0.2.8:1";
  EXPECT_EQ(gate_->refuse_node(request, "accept a batch", "web-1 may not speak for web-2").status, 403);
  EXPECT_EQ(gate_->stats().wrong_node, 1U);
  EXPECT_THAT(gate_->status_json(), HasSubstr("web-1 may not speak for web-2"));
  EXPECT_THAT(gate_->metrics_text("x"), HasSubstr("x_wrong_node_total 1\n"));
}

}  // namespace
}  // namespace plumbline::access
