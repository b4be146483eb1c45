// Temporary credentials in answers: whose they are, and nothing of what makes them work.
#include "cloud/aws/grant.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/bearer.hpp"
#include "tests/unit/cloud/aws_touched.hpp"

namespace plumbline::cloud {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string key = "ASIAIOSFODNN7EXAMPLE";
constexpr const char* role = "arn:aws:sts::123456789012:assumed-role/demo/TestAR";

/// The shape of https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html, with canaries for its secrets.
std::string answer_of(const std::string& operation, const std::string& more) {
  return "<" + operation + "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><" + operation + "Result>" +
         more + "<Credentials><AccessKeyId>" + key +
         "</AccessKeyId><SecretAccessKey>canary-secret</SecretAccessKey><SessionToken>canary-session</SessionToken>"
         "<Expiration>2019-11-09T13:34:41Z</Expiration></Credentials></" +
         operation + "Result><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></" + operation +
         "Response>";
}

std::string user(const std::string& element, const std::string& arn) {
  return "<" + element + "><Arn>" + arn + "</Arn></" + element + ">";
}

Sent sts(const std::string& body) {
  return form("sts", "Version=2011-06-15&" + body, "sts.eu-west-1.amazonaws.com");
}

Grant granted(const Operation& operation) {
  EXPECT_TRUE(operation.grant.has_value()) << to_json(operation);
  EXPECT_THAT(to_json(operation), Not(HasSubstr("canary")));
  return operation.grant.value_or(Grant{});
}

TEST(Grant, of_a_role_that_is_assumed) {
  const auto sent =
      sts("Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fdemo&RoleSessionName=TestAR");
  const Operation operation = sent.decoded(200, answer_of("AssumeRole", user("AssumedRoleUser", role)));
  const Grant grant = granted(operation);
  EXPECT_EQ(grant.access_key_id, key);
  EXPECT_EQ(grant.arn, role);
  EXPECT_EQ(grant.subject, "");
  EXPECT_EQ(grant.expires, 1'573'306'481);
  EXPECT_EQ(operation.access_key_id, "AKIAQ3EGVTNLQBZXABCD");  // who asked
  EXPECT_EQ(operation.request_id, "r-1");
  const auto json = Json::parse(to_json(operation))["grants"];
  EXPECT_EQ(json, Json::parse(R"({"access_key_id": "ASIAIOSFODNN7EXAMPLE", "expires": 1573306481,
                                  "arn": "arn:aws:sts::123456789012:assumed-role/demo/TestAR"})"));
  // A role that is assumed is the same role: its call is none that changes it.
  EXPECT_TRUE(operation.data_plane);
  EXPECT_TRUE(operation.touched.empty());
  EXPECT_EQ(operation.parameters.find("RoleSessionName")->text, "TestAR");
}

/// STS answers so where "Accept: application/json" asks for it.
TEST(Grant, in_json) {
  const Operation operation =
      sts("Action=AssumeRole&RoleArn=r")
          .with("Accept", "application/json")
          .decoded(200, R"({"AssumeRoleResponse": {"AssumeRoleResult": {"AssumedRoleUser": {"Arn": ")" +
                            std::string(role) +
                            R"("}, "Credentials": {"AccessKeyId": "ASIAIOSFODNN7EXAMPLE", "SecretAccessKey":
                            "canary", "SessionToken": "canary", "Expiration": 1573306481.0}}}})");
  const Grant grant = granted(operation);
  EXPECT_EQ(grant.arn, role);
  EXPECT_EQ(grant.expires, 1'573'306'481);
}

/// {"sub":"system:serviceaccount:shop:deployer"}
const std::string token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6c2hvcDpkZXBsb3llciJ9.canary";

/// IRSA: the form has the token, and nobody signs it.
TEST(Grant, of_a_service_account_by_its_web_identity) {
  Sent sent = sts("Action=AssumeRoleWithWebIdentity&RoleArn=r&WebIdentityToken=" + token);
  sent.headers.erase(sent.headers.begin());
  const auto arn = user("AssumedRoleUser", role);
  const Grant told = granted(sent.decoded(
      200,
      answer_of("AssumeRoleWithWebIdentity",
                "<SubjectFromWebIdentityToken>system:serviceaccount:shop:other</SubjectFromWebIdentityToken>" + arn)));
  EXPECT_EQ(told.subject, "system:serviceaccount:shop:other");  // what STS has proven goes before what the token says
  const Operation operation = sent.decoded(200, answer_of("AssumeRoleWithWebIdentity", arn));
  EXPECT_EQ(granted(operation).subject, "system:serviceaccount:shop:deployer");
  EXPECT_EQ(operation.access_key_id, "");
  EXPECT_THAT(to_json(operation), Not(HasSubstr("eyJ")));
}

TEST(Grant, of_eks_pod_identity) {
  const Operation operation =
      Sent::to("eks-auth", "POST", "/clusters/prod/assume-role-for-pod-identity", "eks-auth.eu-west-1.api.aws")
          .carrying(R"({"token": ")" + token + "\"}")
          .decoded(200,
                   R"({"subject": {"namespace": "shop", "serviceAccount": "deployer"}, "assumedRoleUser": {"arn": ")" +
                       std::string(role) + R"(", "assumeRoleId": "x"}, "credentials": {"sessionToken": "canary",
                            "secretAccessKey": "canary", "accessKeyId": "ASIAIOSFODNN7EXAMPLE", "expiration": 1573306481}})");
  EXPECT_EQ(operation.operation, "AssumeRoleForPodIdentity");
  const Grant grant = granted(operation);
  EXPECT_EQ(grant.subject, "system:serviceaccount:shop:deployer");
  EXPECT_EQ(grant.arn, role);
  EXPECT_EQ(grant.expires, 1'573'306'481);
}

TEST(Grant, of_a_session_and_of_a_federated_user) {
  const Grant session = granted(sts("Action=GetSessionToken").decoded(200, answer_of("GetSessionToken", "")));
  EXPECT_EQ(session.arn, "");  // whoever asked
  const std::string bob = "arn:aws:sts::123456789012:federated-user/Bob";
  EXPECT_EQ(granted(sts("Action=GetFederationToken&Name=Bob")
                        .decoded(200, answer_of("GetFederationToken", user("FederatedUser", bob))))
                .arn,
            bob);
}

TEST(Grant, is_none_of_what_failed_or_hands_out_nothing) {
  const std::string answer = answer_of("AssumeRole", user("AssumedRoleUser", role));
  const auto has = [](const Operation& operation) { return operation.grant.has_value(); };
  EXPECT_FALSE(has(sts("Action=AssumeRole").decoded(403, answer)));
  EXPECT_FALSE(has(sts("Action=AssumeRole").decoded(0, answer)));
  EXPECT_FALSE(has(sts("Action=GetCallerIdentity").decoded(200, answer)));
  EXPECT_FALSE(has(sts("Action=AssumeRole").decoded(200, "<AssumeRoleResponse/>")));
  EXPECT_FALSE(
      has(sts("Action=AssumeRole").decoded(200, "{\"Credentials\": {\"AccessKeyId\": \"a key, and more text\"}}")));
  EXPECT_FALSE(has(form("iam", "Action=CreateAccessKey&Version=2010-05-08").decoded(200, answer)));
  EXPECT_TRUE(has(sts("Action=AssumeRole").decoded(200, answer)));
  for (std::size_t cut = 0; cut < answer.size(); ++cut)
    EXPECT_FALSE(has(sts("Action=AssumeRole").decoded(200, answer.substr(0, cut)))) << cut;
}

TEST(Grant, ends_when_the_answer_says) {
  const auto text = [](const char* time) { return aws::expiry_of(Value::of_text(time)); };
  EXPECT_EQ(text("1970-01-02T00:00:01Z"), 86'401);
  EXPECT_EQ(text("2026-11-27T12:00:00.123Z"), 1'795'780'800);
  for (const auto* bad : {"", "2026-11-27", "2026-13-27T12:00:00Z", "2026-11-31T12:00:00Z", "2026-11-27T12:00:00",
                          "2026-11-27T12:00:00+01:00", "2026-11-27T-1:00:00Z", "-5", "1e400", "nan", "1573306481x"})
    EXPECT_EQ(text(bad), 0) << bad;
  EXPECT_EQ(aws::expiry_of(Value::of(Value::Kind::number, "1573306481.5")), 1'573'306'481);
  EXPECT_EQ(aws::expiry_of(Value::of(Value::Kind::number, "1573306481000")), 1'573'306'481);
  EXPECT_EQ(aws::expiry_of(Value::of(Value::Kind::list)), 0);
}

TEST(Grant, subjects_of_tokens) {
  EXPECT_EQ(claims_of_token(token, nullptr).principal, "system:serviceaccount:shop:deployer");
  EXPECT_EQ(claims_of_token("opaque", nullptr).principal, "");
  EXPECT_EQ(claims_of_token("a.b.c", nullptr).principal, "");
}

}  // namespace
}  // namespace plumbline::cloud
