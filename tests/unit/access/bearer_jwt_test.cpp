#include "access/bearer_jwt.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/support/issuer.hpp"

namespace plumbline::access {
namespace {

using ::testing::HasSubstr;
constexpr std::int64_t now = 1'800'000'000;

class BearerJwt : public ::testing::Test {
 protected:
  BearerJwt() {
    config_.keys.issuer = "https://issuer.example";
    if (const auto added = keys_.add_jwks("test", issuer_.jwks(), {config_.keys.issuer, false}); !added)
      throw std::runtime_error(added.error().message());
  }
  static std::string claims(const std::string& more, std::int64_t until = now + 60) {
    return R"({"iss":"https://issuer.example","exp":)" + std::to_string(until) + (more.empty() ? "" : "," + more) + "}";
  }
  std::string of(const std::string& token) const {
    const auto subject = prove_jwt(token, keys_, config_, now);
    return subject ? *subject : subject.error().message();
  }

  const Issuer issuer_{"ES256"};
  cloud::TokenKeys keys_;
  JwtConfig config_;
};

TEST_F(BearerJwt, is_of_its_subject_where_its_issuer_says_so) {
  EXPECT_EQ(of(issuer_.token(claims(R"("sub":"jo","aud":"plumbline")"))), "jo");
  EXPECT_EQ(of(issuer_.token(claims(R"("sub":"jo","aud":["other","plumbline"])"))), "jo");
}

TEST_F(BearerJwt, each_that_is_none_says_why) {
  EXPECT_THAT(of(issuer_.token(claims(R"("sub":"jo","aud":"other")"))), HasSubstr("another audience"));
  EXPECT_THAT(of(issuer_.token(claims(R"("sub":"jo")"))), HasSubstr("another audience"));
  EXPECT_THAT(of(issuer_.token(claims(R"("aud":"plumbline")"))), HasSubstr("no subject"));
  EXPECT_THAT(of(issuer_.token(claims(R"("sub":"jo\n","aud":"plumbline")"))), HasSubstr("no subject"));
  EXPECT_THAT(of(issuer_.token(claims(R"("sub":"jo","aud":"plumbline")", now - 600))), HasSubstr(expired_token));
  EXPECT_THAT(of(issuer_.token(claims(R"("sub":"jo","aud":"plumbline","nbf":1900000000)", 1'900'000'600))),
              HasSubstr("not valid yet"));
  const Issuer other("ES256");
  EXPECT_THAT(of(other.token(claims(R"("sub":"jo","aud":"plumbline")"))), HasSubstr("no key of its issuer signed it"));
  EXPECT_THAT(of(other.token(claims(R"("sub":"jo","aud":"plumbline")", now - 600))),
              HasSubstr("no key of its issuer signed it"))
      << "nobody's word on its time";
  for (const char* token : {"", "a", "a.b", "a.b.c", "...", "eyJhbGciOiJub25lIn0.e30."})
    EXPECT_FALSE(prove_jwt(token, keys_, config_, now)) << token;
}

TEST_F(BearerJwt, subjects_and_claims_narrow_it) {
  config_.subjects = {"jo@*", "al"};
  config_.claims = {{"groups", "sre-*"}};
  EXPECT_EQ(of(issuer_.token(claims(R"("sub":"jo@example","aud":"plumbline","groups":["dev","sre-1"])"))),
            "jo@example");
  EXPECT_EQ(of(issuer_.token(claims(R"("sub":"al","aud":"plumbline","groups":"sre-2")"))), "al");
  EXPECT_THAT(of(issuer_.token(claims(R"("sub":"bo","aud":"plumbline","groups":"sre-2")"))), HasSubstr("`subjects`"));
  EXPECT_THAT(of(issuer_.token(claims(R"("sub":"al","aud":"plumbline","groups":["dev"])"))), HasSubstr("claim groups"));
  EXPECT_THAT(of(issuer_.token(claims(R"("sub":"al","aud":"plumbline")"))), HasSubstr("claim groups"));
}

TEST_F(BearerJwt, what_it_says_unproven) {
  const auto said = said_by(issuer_.token(claims(R"("aud":["plumbline"])")), "plumbline");
  ASSERT_TRUE(said);
  EXPECT_TRUE(said->is_for_audience);
  EXPECT_EQ(said->until, now + 60);
  EXPECT_FALSE(said_by(issuer_.token(claims("")), "plumbline")->is_for_audience);
  EXPECT_FALSE(said_by("opaque", "plumbline"));
  EXPECT_FALSE(said_by("a.!.c", "plumbline").value_or(SaidClaims{}).is_for_audience);
}

}  // namespace
}  // namespace plumbline::access
