// Who gets a run approved, what is said of changes then, and that none of it is lost or used twice.
#include "agent/approved_runs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "agent/enrich/process_facts.hpp"
#include "tests/unit/support/issuer.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;

class ApprovedRunsTest : public testing::Test {
 protected:
  ApprovedRunsTest() {
    options_.required = true;
    options_.file = dir_ / "approved_runs.json";
    options_.boot_id = "boot-1";
    request_.id = "r1";
    request_.expires_in = std::chrono::seconds(1800);
    finding_.baseline = wire::BaselineRef{"net", {}};
    finding_.resource = "tofu:net/a";
  }
  void make() {
    runs_.reset();
    runs_.emplace(options_, [this] { return keys_; }, clock_, counters_);
  }
  void with_keys() {
    options_.needs_token = true;
    auto keys = std::make_shared<cloud::TokenKeys>();
    ASSERT_TRUE(keys->add_jwks("test", issuer_.jwks()));
    keys_ = std::move(keys);
    make();
  }
  int status() { return runs_->approve(request_, peer_).status; }
  std::string claims(const std::string& more) const {
    return R"({"aud":"plumbline","sub":"repo:acme/infra","exp":)" +
           std::to_string(clock_.wall() / 1'000'000'000 + 300) + more + "}";
  }
  ApprovalState of_child() const {
    const std::vector<process_key> lineage{{1, 999'999, 0}, self_};
    return runs_->of(finding_, lineage, static_cast<std::uint64_t>(clock_.boot()));
  }
  std::string kept() const {
    std::ifstream file(options_.file);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const TempDir dir_;
  const SystemClock clock_;
  const Issuer issuer_{"EdDSA"};
  const process_key self_ = read_proc("/proc", static_cast<std::uint32_t>(::getpid()))->key;
  const http::PeerProcess peer_{static_cast<std::uint32_t>(::getpid()), 0};
  std::shared_ptr<const cloud::TokenKeys> keys_;
  Counters counters_;
  ApprovedRuns::Options options_;
  RunRequest request_;
  wire::Finding finding_;
  std::optional<ApprovedRuns> runs_;
};

TEST_F(ApprovedRunsTest, without_keys_whoever_has_the_socket_approves) {
  make();
  EXPECT_TRUE(of_child().says.empty());
  EXPECT_TRUE(of_child().required);
  const auto answer = runs_->approve(request_, peer_);
  EXPECT_EQ(answer.status, 201);
  const auto told = json::parse(answer.body);
  EXPECT_EQ(told.at("principal"), "uid 0");
  EXPECT_EQ(told.at("principal_proof"), "claimed");
  EXPECT_EQ(told.at("pid"), ::getpid());
  EXPECT_THAT(of_child().says, MatchesRegex("run r1 of uid 0 \\(claimed\\) until 2.*Z"));
  EXPECT_FALSE(of_child().explains) << "it names nothing";
  const std::vector<process_key> stranger{{1, 999'999, 0}};
  EXPECT_THAT(runs_->of(finding_, stranger, static_cast<std::uint64_t>(clock_.boot())).says, IsEmpty());
  EXPECT_EQ(json::parse(runs_->list().body).at("items").size(), 1u);
  EXPECT_EQ(counters_.runs_approved_now, 1u);

  request_.paths = {"/etc/**"};
  ASSERT_EQ(status(), 201);
  EXPECT_THAT(of_child().says, IsEmpty()) << "what was asked last is what is meant";
  finding_.where.path = "/etc/a";
  EXPECT_TRUE(of_child().explains);

  request_.token = "a.b.c";
  EXPECT_EQ(status(), 400) << "who can prove nothing must not seem to have";
  EXPECT_EQ(counters_.runs_refused, 1u);
}

TEST_F(ApprovedRunsTest, of_a_process_that_is_gone_there_is_no_run) {
  make();
  const auto answer = runs_->approve(request_, {0x7fffffff, 0});
  EXPECT_EQ(answer.status, 403);
  EXPECT_THAT(answer.body, HasSubstr("is gone"));
}

TEST_F(ApprovedRunsTest, with_keys_only_a_token_approves_and_only_once) {
  with_keys();
  EXPECT_EQ(status(), 403) << "without a token";
  request_.token = Issuer("EdDSA").token(claims(""));
  EXPECT_EQ(status(), 403) << "of another issuer";
  request_.token = issuer_.token(claims(R"(,"jti":"j1","resources":["tofu:net/*"])"));
  request_.principal = "somebody else";
  ASSERT_EQ(status(), 201);
  EXPECT_THAT(of_child().says, HasSubstr("of repo:acme/infra (verified)"));
  EXPECT_TRUE(of_child().explains);
  finding_.resource = "tofu:dns/a";
  EXPECT_THAT(of_child().says, IsEmpty()) << "its token restricts it";

  const auto again = runs_->approve(request_, peer_);
  EXPECT_EQ(again.status, 403);
  EXPECT_THAT(again.body, HasSubstr("used before"));
  EXPECT_EQ(counters_.run_tokens_replayed, 1u);
  make();
  EXPECT_EQ(status(), 403) << "nor after a restart";
  EXPECT_THAT(kept(), Not(HasSubstr(request_.token.substr(0, 40))));
  EXPECT_THAT(kept() + again.body + runs_->list().body,
              Not(HasSubstr(request_.token.substr(request_.token.rfind('.')))));
  request_.token = issuer_.token(claims(""));
  EXPECT_EQ(status(), 201);
  EXPECT_EQ(status(), 201) << "one without an id is not counted";
}

TEST_F(ApprovedRunsTest, only_of_the_subjects_that_are_configured) {
  options_.subjects = {"repo:acme/*"};
  with_keys();
  request_.token = issuer_.token(claims(""));
  EXPECT_EQ(status(), 201);
  options_.subjects = {"repo:other/*"};
  make();
  EXPECT_EQ(status(), 403);
  keys_.reset();
  EXPECT_EQ(status(), 503) << "no keys yet";
}

TEST_F(ApprovedRunsTest, outlive_the_agent_and_can_be_ended) {
  make();
  ASSERT_EQ(status(), 201);
  make();
  EXPECT_THAT(of_child().says, HasSubstr("run r1"));
  EXPECT_EQ(runs_->end("other").status, 404);
  EXPECT_EQ(runs_->end("r1").status, 200);
  EXPECT_THAT(of_child().says, IsEmpty());
  make();
  EXPECT_THAT(of_child().says, IsEmpty());
  EXPECT_EQ(json::parse(runs_->list().body).at("items").size(), 0u);
}

TEST_F(ApprovedRunsTest, what_cannot_be_kept_is_not_approved) {
  options_.file = dir_ / "no/such/folder";
  make();
  EXPECT_GE(status(), 400);
  EXPECT_THAT(of_child().says, IsEmpty());
}

TEST_F(ApprovedRunsTest, a_damaged_file_is_put_aside) {
  dir_.write("approved_runs.json", "{");
  make();
  EXPECT_TRUE(std::filesystem::exists(dir_ / "approved_runs.json.corrupt"));
  EXPECT_EQ(status(), 201);
}

}  // namespace
}  // namespace plumbline::agent
