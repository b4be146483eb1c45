// Which tokens approve a run, and what they say.
#include "cloud/run_token.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/support/issuer.hpp"

namespace plumbline::cloud {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t now = 1'000'000;

class RunTokens : public testing::Test {
 protected:
  RunTokens() { EXPECT_TRUE(keys_.add_jwks("test", issuer_.jwks())); }
  Result<RunToken> read(const std::string& claims) {
    return read_run_token(issuer_.token(claims), keys_, "plumbline", now);
  }
  const Issuer issuer_{"ES256"};
  TokenKeys keys_;
};

TEST_F(RunTokens, of_a_ci) {
  const auto token = read(R"({"aud":"plumbline","sub":"repo:acme/infra:ref:refs/heads/main","exp":1000300,"jti":"j1",
    "resources":["tofu:net/*"],"paths":"/etc/app/**"})");
  ASSERT_TRUE(token) << token.error().message();
  EXPECT_EQ(token->subject, "repo:acme/infra:ref:refs/heads/main");
  EXPECT_THAT(token->resources, ElementsAre("tofu:net/*"));
  EXPECT_THAT(token->paths, ElementsAre("/etc/app/**"));
  EXPECT_EQ(token->until, 1'000'300);
  EXPECT_EQ(token->once.size(), 64u);
}

TEST_F(RunTokens, without_an_id_may_be_used_again_and_one_of_several_audiences_is_enough) {
  const auto token = read(R"({"aud":["sts","plumbline"],"sub":"ana","exp":1e300})");
  ASSERT_TRUE(token) << token.error().message();
  EXPECT_THAT(token->once, IsEmpty());
  EXPECT_EQ(token->until, 7'258'118'400);
  EXPECT_TRUE(token->resources.empty() && token->paths.empty());
}

TEST_F(RunTokens, another_spelling_of_the_signature_is_no_other_token) {
  const std::string claims = R"({"aud":"plumbline","sub":"ana","exp":1000300,"jti":"j1"})";
  const std::string one = issuer_.token(claims), two = issuer_.token(claims);
  ASSERT_NE(one, two) << "ECDSA signs with a number of its own each time";
  const auto first = read_run_token(one, keys_, "plumbline", now);
  EXPECT_EQ(first->once, read_run_token(two, keys_, "plumbline", now)->once);
  EXPECT_EQ(first->once, read_run_token(one + "=", keys_, "plumbline", now)->once);
  EXPECT_NE(first->once, read(R"({"aud":"plumbline","sub":"ana","exp":1000300,"jti":"j2"})")->once);
}

TEST_F(RunTokens, what_proves_nothing) {
  const std::string fine = R"({"aud":"plumbline","sub":"ana","exp":1000300})";
  ASSERT_TRUE(read(fine));
  const std::vector<std::pair<std::string, std::string>> tokens{
      {issuer_.token(R"({"aud":"sts","sub":"ana","exp":1000300})"), "audience"},
      {issuer_.token(R"({"aud":[],"sub":"ana","exp":1000300})"), "audience"},
      {issuer_.token(R"({"aud":{"plumbline":1},"sub":"ana","exp":1000300})"), "audience"},
      {issuer_.token(R"({"sub":"ana","exp":1000300})"), "audience"},
      {issuer_.token(R"({"aud":"plumbline","sub":"ana","exp":999000})"), "within its time"},
      {issuer_.token(R"({"aud":"plumbline","sub":"ana"})"), "within its time"},
      {issuer_.token(R"({"aud":"plumbline","sub":"ana","exp":1000300,"nbf":1000200})"), "within its time"},
      {Issuer("ES256").token(fine), "signed it"},
      {base64url(R"({"alg":"none"})") + "." + base64url(fine) + ".", "signed it"},
      {"", "signed it"},
      {"..", "signed it"},
      {issuer_.token("[]"), "within its time"},
  };
  for (const auto& [token, why] : tokens) {
    const auto read = read_run_token(token, keys_, "plumbline", now);
    ASSERT_FALSE(read) << token;
    EXPECT_EQ(read.error().code, ErrorCode::permission);
    EXPECT_THAT(read.error().message(), HasSubstr(why));
  }
  EXPECT_FALSE(read_run_token(issuer_.token(fine), TokenKeys(), "plumbline", now));
}

TEST_F(RunTokens, claims_that_are_not_as_they_should_be_widen_nothing) {
  for (const char* more : {R"("resources":[])", R"("resources":7)", R"("resources":"")", R"("paths":["/a",7])",
                           R"("paths":null)", R"("jti":7)", R"("jti":"")", R"("paths":["/a\n"])"}) {
    const auto token = read(std::string(R"({"aud":"plumbline","sub":"ana","exp":1000300,)") + more + "}");
    ASSERT_FALSE(token) << more;
    EXPECT_EQ(token.error().code, ErrorCode::invalid_argument) << more;
  }
  EXPECT_FALSE(read(R"({"aud":"plumbline","exp":1000300})"));
  EXPECT_FALSE(read(R"({"aud":"plumbline","sub":"","exp":1000300})"));
  EXPECT_FALSE(read(R"({"aud":"plumbline","sub":")" + std::string(257, 'a') + R"(","exp":1000300})"));
}

}  // namespace
}  // namespace plumbline::cloud
