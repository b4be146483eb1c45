#include "cloud/token_keys.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/bearer.hpp"
#include "tests/unit/cloud/exchange.hpp"
#include "tests/unit/support/issuer.hpp"

namespace plumbline::cloud {
namespace {

using ::testing::HasSubstr;
constexpr std::int64_t now = 1'800'000'000;

std::string claims_until(std::int64_t end, const std::string& more = "") {
  return R"({"sub":"system:serviceaccount:shop:deployer","exp":)" + std::to_string(end) + more + "}";
}

TokenKeys keys_of(const std::string& jwks, const TokenIssuer& issuer = {"", true}) {
  TokenKeys keys;
  const auto added = keys.add_jwks("a test", jwks, issuer);
  EXPECT_TRUE(added) << added.error().message();
  return keys;
}

// RFC 7515, A.2 and A.3: the same claims, signed by two algorithms.
const std::string rfc_claims =
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";
constexpr std::int64_t rfc_end = 1'300'819'380;

TEST(TokenKeys, prove_the_examples_of_rfc_7515) {
  const TokenKeys rsa = keys_of(
      R"({"keys":[{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}]})");
  const std::string rs256 =
      "eyJhbGciOiJSUzI1NiJ9" + rfc_claims +
      "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t"
      "1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12j"
      "zDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQ"
      "Ge77Rw";
  EXPECT_TRUE(rsa.prove(rs256, rfc_end - 1));
  const TokenKeys ec = keys_of(
      R"({"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})");
  const std::string es256 = "eyJhbGciOiJFUzI1NiJ9" + rfc_claims +
                            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
  EXPECT_TRUE(ec.prove(es256, rfc_end - 1));
  EXPECT_FALSE(ec.prove(rs256, rfc_end - 1));
  EXPECT_FALSE(rsa.prove(es256, rfc_end - 1));
  EXPECT_FALSE(ec.prove(es256, rfc_end + 61)) << "it is over";
}

class EachAlgorithm : public ::testing::TestWithParam<const char*> {};

TEST_P(EachAlgorithm, is_proven_by_its_key_alone) {
  const Issuer issuer(GetParam()), stranger(GetParam());
  const TokenKeys keys = keys_of(issuer.jwks());
  const std::string token = issuer.token(claims_until(now + 60));
  EXPECT_TRUE(keys.prove(token, now));
  EXPECT_FALSE(keys.prove(stranger.token(claims_until(now + 60)), now));
  EXPECT_FALSE(TokenKeys().prove(token, now));
  const auto dot = token.find('.'), end = token.rfind('.');
  for (const std::size_t at : {dot + 1, dot + 20, end - 1, end + 1, end + 10}) {
    std::string changed = token;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(keys.prove(changed, now)) << at;
  }
  for (std::size_t size = 0; size < token.size(); size += 7) EXPECT_FALSE(keys.prove(token.substr(0, size), now));
  EXPECT_FALSE(keys.prove(token + ".x", now));
}
INSTANTIATE_TEST_SUITE_P(Token, EachAlgorithm, ::testing::Values("RS256", "PS256", "ES256", "EdDSA"));

TEST(TokenKeys, hold_a_token_to_its_time) {
  const Issuer issuer("ES256");
  const TokenKeys keys = keys_of(issuer.jwks());
  EXPECT_TRUE(keys.prove(issuer.token(claims_until(now - 59)), now)) << "clocks differ";
  EXPECT_FALSE(keys.prove(issuer.token(claims_until(now - 61)), now));
  EXPECT_FALSE(keys.prove(issuer.token(R"({"sub":"x"})"), now)) << "it has no end";
  EXPECT_FALSE(keys.prove(issuer.token(R"({"sub":"x","exp":"never"})"), now));
  EXPECT_TRUE(keys.prove(issuer.token(claims_until(now + 60, R"(,"nbf":1)")), now));
  EXPECT_FALSE(keys.prove(issuer.token(claims_until(now + 600, ",\"nbf\":" + std::to_string(now + 300))), now));
  EXPECT_FALSE(keys.prove(issuer.token(claims_until(now + 600, R"(,"nbf":"x")")), now));
  EXPECT_FALSE(keys.prove(issuer.token("no JSON"), now));
}

/// What anybody can write without a key.
TEST(TokenKeys, take_no_token_that_names_its_own_proof) {
  const Issuer issuer("RS256");
  const TokenKeys keys = keys_of(issuer.jwks());
  const std::string claims = "." + base64url(claims_until(now + 60)) + ".";
  for (const char* head : {R"({"alg":"none"})", R"({"alg":"HS256","kid":"key-1"})", R"({"alg":"rs256"})", "{}", "x"})
    for (const char* signature : {"", "AAAA"}) EXPECT_FALSE(keys.prove(base64url(head) + claims + signature, now));
  EXPECT_FALSE(keys.prove(std::string(64 * 1024, 'a') + claims, now));
}

TEST(TokenKeys, of_the_name_that_the_token_says) {
  const Issuer one("ES256", "one"), same("ES256", "one"), other("ES256", "two");
  const TokenKeys keys = keys_of(R"({"keys":[)" + one.jwk() + "," + same.jwk() + "," + other.jwk() + "]}");
  for (const auto* issuer : {&one, &same, &other}) EXPECT_TRUE(keys.prove(issuer->token(claims_until(now + 60)), now));
  EXPECT_EQ(keys.size(), 3U);
}

TEST(TokenKeys, leave_out_what_proves_nothing) {
  const Issuer good("EdDSA"), weak("RS256", "weak", 1024);
  TokenKeys keys;
  const auto why = [&](const std::string& jwks) {
    const auto added = keys.add_jwks("/etc/keys.json", jwks);
    return added ? "" : added.error().message();
  };
  EXPECT_THAT(why("{}"), HasSubstr("read the keys of /etc/keys.json: it is no JWK set"));
  EXPECT_THAT(why(good.jwks().substr(0, 20)), HasSubstr("no JWK set"));
  EXPECT_THAT(why(R"({"keys":[]})"), HasSubstr("no key of it can be used"));
  EXPECT_THAT(why(weak.jwks()), HasSubstr("RSA of 2048 bits or more"));
  EXPECT_THAT(why(R"({"keys":[{"kty":"oct","k":"AAAA"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},7,"x"]})"),
              HasSubstr("no key of it"));
  std::string not_on_it = R"({"keys":[{"kty":"EC","crv":"P-256","x":")" + base64url(std::string(32, 1)) + R"(","y":")" +
                          base64url(std::string(32, 1)) + "\"}]}";
  EXPECT_THAT(why(not_on_it), HasSubstr("no key of it"));
  std::string for_secrets = good.jwks();
  for_secrets.replace(for_secrets.find("\"sig\""), 5, "\"enc\"");
  EXPECT_THAT(why(for_secrets), HasSubstr("no key of it"));
  EXPECT_THAT(why(std::string(300 * 1024, ' ')), HasSubstr("256 KiB"));
  EXPECT_EQ(why(R"({"keys":[{"kty":"oct"},)" + good.jwk() + "]}"), "");
  EXPECT_EQ(keys.size(), 1U);
  std::string many = good.jwk();
  for (int i = 0; i < 64; ++i) many += "," + good.jwk();
  EXPECT_THAT(why(R"({"keys":[)" + many + "]}"), HasSubstr("more than 64 keys"));
}

const std::string bound =
    R"(,"kubernetes.io":{"namespace":"shop","pod":{"name":"web-1","uid":"0a-1"},"serviceaccount":{"name":"deployer"}})";

TEST(Bearer, tells_whose_token_it_is_and_what_proves_it) {
  const Issuer issuer("RS256"), stranger("RS256");
  const TokenKeys keys = keys_of(issuer.jwks());
  const TokenCheck check{keys, now};
  const Claims proven = claims_of_token(issuer.token(claims_until(now + 60, bound)), &check);
  EXPECT_EQ(proven.principal, "system:serviceaccount:shop:deployer");
  EXPECT_TRUE(proven.proof.is_signed);
  EXPECT_EQ(proven.proof.pod_uid, "0a-1");
  EXPECT_EQ(proven.proof.pod, "shop/web-1");
  const Claims forged = claims_of_token(stranger.token(claims_until(now + 60, bound)), &check);
  EXPECT_EQ(forged.principal, proven.principal);
  EXPECT_FALSE(forged.proof.is_signed);
  EXPECT_FALSE(claims_of_token(issuer.token(claims_until(now + 60)), nullptr).proof.is_signed);
  EXPECT_EQ(claims_of_token(issuer.token(claims_until(now + 60)), &check).proof.pod_uid, "");
}

TEST(Bearer, believes_each_issuer_of_its_own_alone) {
  const Issuer cluster("ES256", "c"), company("ES256", "e");
  TokenKeys keys = keys_of(cluster.jwks(), {"https://cluster", true});
  ASSERT_TRUE(keys.add_jwks("the company", company.jwks(), {"https://company", false}));
  const TokenCheck check{keys, now};
  const auto is_signed = [&](const Issuer& by, const std::string& iss, const std::string& subject) {
    const std::string claims =
        R"({"iss":")" + iss + R"(","sub":")" + subject + R"(","exp":)" + std::to_string(now + 60);
    return claims_of_token(by.token(claims + "}"), &check).proof.is_signed;
  };
  EXPECT_TRUE(is_signed(cluster, "https://cluster", "system:serviceaccount:shop:deployer"));
  EXPECT_TRUE(is_signed(company, "https://company", "jo@example.com"));
  EXPECT_FALSE(is_signed(company, "https://company", "system:serviceaccount:shop:deployer"))
      << "which is the cluster's";
  EXPECT_FALSE(is_signed(company, "https://cluster", "jo@example.com"));
  EXPECT_FALSE(is_signed(cluster, "https://other", "system:serviceaccount:shop:deployer"));
  const std::string pod = R"({"iss":"https://company","sub":"jo","exp":)" + std::to_string(now + 60) + bound + "}";
  EXPECT_FALSE(claims_of_token(company.token(pod), &check).proof.is_signed);
}

TEST(Bearer, of_a_call_and_of_what_it_exchanged) {
  const Issuer issuer("ES256");
  const TokenKeys keys = keys_of(issuer.jwks());
  const TokenCheck check{keys, now};
  const std::string token = issuer.token(claims_until(now + 60, bound));
  const std::string bearer = "Bearer " + token;
  const std::vector<HeaderField> with = {{"authorization", bearer}};
  Request request{{"DELETE", "10.0.0.1", "/apis/apps/v1/namespaces/shop/deployments/web", with}, "", false};
  request.tokens = &check;
  const Operation deletes = decode(request, {200, {}, "{}", false});
  EXPECT_EQ(deletes.operation, "delete deployments");
  EXPECT_TRUE(deletes.token.is_signed);
  EXPECT_EQ(deletes.token.pod, "shop/web-1");

  const std::string body = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=r&WebIdentityToken=" + token;
  const std::string answer =
      "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><AssumedRoleUser>"
      "<Arn>arn:aws:sts::123456789012:assumed-role/a/b</Arn></AssumedRoleUser><Credentials><AccessKeyId>"
      "ASIAIOSFODNN7EXAMPLE</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult>"
      "</AssumeRoleWithWebIdentityResponse>";
  const std::vector<HeaderField> is_form = {{"Content-Type", "application/x-www-form-urlencoded"}};
  Request assume{{"POST", "sts.eu-west-1.amazonaws.com", "/", is_form}, body, false};
  assume.tokens = &check;
  const Operation assumed = decode(assume, {200, {}, answer, false});
  ASSERT_TRUE(assumed.grant);
  EXPECT_EQ(assumed.grant->subject, "system:serviceaccount:shop:deployer");
  EXPECT_TRUE(assumed.grant->token.is_signed);
  EXPECT_EQ(assumed.grant->token.pod_uid, "0a-1");
  std::string of_other = answer;
  of_other.insert(of_other.find("<AssumedRoleUser>"),
                  "<SubjectFromWebIdentityToken>other</SubjectFromWebIdentityToken>");
  EXPECT_FALSE(decode(assume, {200, {}, of_other, false}).grant->token.is_signed) << "it proves nothing of another one";
}

}  // namespace
}  // namespace plumbline::cloud
