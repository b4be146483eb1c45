#include "access/reviewer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "tests/unit/access/api_server_double.hpp"
#include "tests/unit/support/issuer.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::access {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SetClock final : public Clock {
 public:
  WallNs wall() const override { return 1'800'000'000'000'000'000 + at_; }
  std::int64_t boot() const override { return 1'000'000'000'000 + at_; }
  void pass(std::chrono::nanoseconds time) { at_ += time.count(); }

 private:
  std::atomic<std::int64_t> at_{0};
};

class ReviewerTest : public ::testing::Test {
 protected:
  ReviewerTest() {
    config_.api = {api_.url(), dir_.write("ours", "ours\n"), ""};
    agent_ = token(3'600);
    api_.change([&](test::ApiServer& api) {
      api.tokens[agent_] = {"system:serviceaccount:plumbline:agent", "web-1"};
      api.allowed = {"system:serviceaccount:plumbline:agent get /v1/drift"};
    });
    start({});
  }
  void start(Reviewer::Options options) {
    reviewer_ = std::make_unique<Reviewer>(config_, clock_, options);
    reviewer_->start();
  }
  std::string token(std::int64_t lasts_s) {
    return issuer_.token(R"({"aud":["plumbline"],"n":)" + std::to_string(++tokens_) + R"(,"exp":)" +
                         std::to_string(clock_.wall() / 1'000'000'000 + lasts_s) + "}");
  }
  Result<Reviewer::Answer> ask(const std::string& token, Reviewer::Access access = {}) {
    std::promise<Result<Reviewer::Answer>> answered;
    reviewer_->ask(token, std::move(access), [&](const Result<Reviewer::Answer>& a) { answered.set_value(a); });
    return answered.get_future().get();
  }

  const Issuer issuer_{"EdDSA"};
  const TempDir dir_;
  SetClock clock_;
  int tokens_ = 0;
  std::string agent_;
  test::ApiServer api_;
  KubernetesConfig config_;
  std::unique_ptr<Reviewer> reviewer_;
};

TEST_F(ReviewerTest, is_asked_once_for_as_long_as_an_answer_is_kept) {
  for (int i = 0; i < 3; ++i) {
    const auto answer = ask(agent_);
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(answer->who->node(), "web-1");
  }
  EXPECT_EQ(api_.asked(), 1U);
  EXPECT_EQ(reviewer_->stats().remembered, 2U);
  clock_.pass(std::chrono::seconds(61));
  EXPECT_TRUE(ask(agent_));
  EXPECT_EQ(api_.asked(), 2U);
  EXPECT_EQ(api_.connections(), 1U) << "one connection is kept";
  EXPECT_THAT(api_.problems(), IsEmpty());
}

TEST_F(ReviewerTest, no_answer_outlives_its_token) {
  const std::string ends = token(5);
  api_.change([&](test::ApiServer& api) { api.tokens[ends] = {"a", "web-1"}; });
  EXPECT_TRUE(ask(ends));
  clock_.pass(std::chrono::seconds(6));
  api_.change([&](test::ApiServer& api) { api.tokens.erase(ends); });
  const auto over = ask(ends);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, ErrorCode::permission);
  EXPECT_EQ(api_.asked(), 2U);
}

TEST_F(ReviewerTest, a_refusal_is_kept_for_a_while_too) {
  const std::string unknown = token(3'600);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(unknown).error().code, ErrorCode::permission);
  EXPECT_EQ(api_.asked(), 1U);
  api_.change([&](test::ApiServer& api) { api.tokens[unknown] = {"a", "web-1"}; });
  clock_.pass(std::chrono::seconds(11));
  EXPECT_TRUE(ask(unknown));
}

TEST_F(ReviewerTest, what_he_may_is_asked_by_verb_and_path) {
  EXPECT_TRUE(ask(agent_, {"get", "/v1/drift"})->is_allowed);
  EXPECT_TRUE(ask(agent_, {"get", "/v1/drift"})->is_allowed);
  EXPECT_EQ(api_.asked(), 2U) << "the token, and the path once";
  EXPECT_FALSE(ask(agent_, {"post", "/v1/drift"})->is_allowed);
  EXPECT_FALSE(ask(agent_, {"get", "/v1/nodes"})->is_allowed);
  EXPECT_EQ(api_.asked(), 4U);
}

TEST_F(ReviewerTest, nobody_to_ask_is_no_refusal) {
  api_.change([](test::ApiServer& api) { api.status = 500; });
  EXPECT_EQ(ask(agent_).error().code, ErrorCode::unavailable);
  EXPECT_EQ(api_.asked(), 1U);
  EXPECT_EQ(ask(agent_).error().code, ErrorCode::unavailable) << "the next one does not wait for it, either";
  EXPECT_EQ(api_.asked(), 1U);
  api_.change([](test::ApiServer& api) { api.status = 403; });
  clock_.pass(std::chrono::seconds(2));
  EXPECT_THAT(ask(agent_).error().message(), HasSubstr("system:auth-delegator"));
  api_.change([](test::ApiServer& api) {
    api.status = 201;
    api.body = "{}";
  });
  clock_.pass(std::chrono::seconds(2));
  EXPECT_EQ(ask(agent_).error().code, ErrorCode::unavailable) << "nonsense";
  api_.change([](test::ApiServer& api) { api.body = ""; });
  EXPECT_TRUE(ask(agent_));
  EXPECT_EQ(reviewer_->stats().failed, 3U);
  EXPECT_EQ(reviewer_->stats().trouble, "");
}

TEST_F(ReviewerTest, of_a_server_that_is_gone) {
  config_.api.server = "http://127.0.0.1:1";
  start({});
  const auto answer = ask(agent_);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::unavailable);
  EXPECT_THAT(answer.error().message(), HasSubstr("cannot connect"));
}

TEST_F(ReviewerTest, remembers_so_many_and_no_more) {
  Reviewer::Options options;
  options.most_tokens = 2;
  options.most_paths = 2;
  start(options);
  std::vector<std::string> tokens;
  for (int i = 0; i < 3; ++i) {
    tokens.push_back(token(3'600));
    api_.change([&](test::ApiServer& api) { api.tokens[tokens.back()] = {"a", "web-1"}; });
    EXPECT_TRUE(ask(tokens.back()));
  }
  EXPECT_EQ(reviewer_->stats().forgotten, 1U);
  EXPECT_TRUE(ask(tokens[2]));
  EXPECT_EQ(api_.asked(), 3U);
  EXPECT_TRUE(ask(tokens[0])) << "and is asked about again";
  EXPECT_EQ(api_.asked(), 4U);
  for (const char* path : {"/a", "/b", "/c"}) EXPECT_FALSE(ask(tokens[0], {"get", path})->is_allowed);
  EXPECT_EQ(reviewer_->stats().forgotten, 4U) << "one token for the other, and two paths";
}

TEST_F(ReviewerTest, past_its_bound_nobody_waits_and_the_end_answers_all) {
  Reviewer::Options options;
  options.most_waiting = 2;
  reviewer_ = std::make_unique<Reviewer>(config_, clock_, options);  // not started: nobody answers
  std::vector<ErrorCode> codes;
  for (int i = 0; i < 3; ++i)
    reviewer_->ask(token(60), {}, [&](const Result<Reviewer::Answer>& a) { codes.push_back(a.error().code); });
  EXPECT_THAT(codes, testing::ElementsAre(ErrorCode::unavailable));
  EXPECT_EQ(reviewer_->stats().refused, 1U);
  reviewer_->stop();
  EXPECT_EQ(codes.size(), 3U);
}

}  // namespace
}  // namespace plumbline::access
