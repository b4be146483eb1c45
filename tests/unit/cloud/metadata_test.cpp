// What the endpoints of a node that hand out credentials say, and nothing of what makes these work.
#include "cloud/aws/metadata.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/cloud/exchange.hpp"

namespace plumbline::cloud::aws {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr Address imds = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 169, 254, 169, 254};
constexpr Address imds_ipv6 = {0xFD, 0, 0x0E, 0xC2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54};

struct Asked {
  std::string path;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string method = "GET";
};

std::optional<Grant> granted(MetadataService service, const Asked& asked, const std::string& answer, int status = 200,
                             bool cut = false) {
  const Sent sent{asked.method, "169.254.169.254", asked.path, asked.headers, "", false};
  const auto fields = sent.fields();
  auto grant = metadata_grant(service, {{sent.method, sent.host, sent.path, fields}, {}}, {status, {}, answer, cut});
  if (grant) {
    EXPECT_THAT(grant->access_key_id + grant->arn + grant->subject + grant->source, Not(HasSubstr("canary")));
  }
  return grant;
}

/// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
const std::string of_instance = R"({"Code": "Success", "LastUpdated": "2012-04-26T16:39:16Z", "Type": "AWS-HMAC",
  "AccessKeyId": "ASIAIOSFODNN7EXAMPLE", "SecretAccessKey": "canary", "Token": "canary",
  "Expiration": "2017-05-17T15:09:54Z"})";
const Asked role_web{"/latest/meta-data/iam/security-credentials/web", {{"X-aws-ec2-metadata-token", "canary"}}};

TEST(Metadata, of_an_instance_s_role) {
  const auto grant = granted(MetadataService::imds, role_web, of_instance);
  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->access_key_id, "ASIAIOSFODNN7EXAMPLE");
  EXPECT_EQ(grant->subject, "role/web");
  EXPECT_EQ(grant->arn, "");
  EXPECT_EQ(grant->source, "imds");
  EXPECT_EQ(grant->expires, 1'495'033'794);
  // In another version, by the form that tells the account, too.
  EXPECT_TRUE(granted(MetadataService::imds, {"/2021-03-23/meta-data/iam/security-credentials/web", {}}, of_instance));
  EXPECT_TRUE(
      granted(MetadataService::imds, {"/latest/meta-data/iam/security-credentials-extended/web", {}}, of_instance));
}

TEST(Metadata, what_else_an_instance_is_asked_hands_out_nothing) {
  for (const std::string path :
       {"/latest/meta-data/iam/security-credentials/", "/latest/meta-data/iam/security-credentials",
        "/latest/meta-data/iam/security-credentials/a/b", "/latest/meta-data/iam/security-credentials/a%3Cb",
        "/latest/user-data", "/", "", "latest/meta-data/iam/security-credentials/web",
        "/meta-data/iam/security-credentials/web"})
    EXPECT_FALSE(granted(MetadataService::imds, {path, {}}, of_instance)) << path;
  EXPECT_FALSE(granted(MetadataService::imds, {role_web.path, {}, "PUT"}, of_instance));
  EXPECT_FALSE(asks_for_credentials(MetadataService::imds, {"PUT", "", "/latest/api/token", {}}));
}

TEST(Metadata, an_answer_that_is_none_hands_out_nothing) {
  EXPECT_FALSE(granted(MetadataService::imds, role_web, of_instance, 401));
  EXPECT_FALSE(granted(MetadataService::imds, role_web, of_instance, 200, true));
  EXPECT_FALSE(granted(MetadataService::imds, role_web, of_instance.substr(0, of_instance.size() - 2)));
  EXPECT_FALSE(granted(MetadataService::imds, role_web, ""));
  EXPECT_FALSE(granted(MetadataService::imds, role_web, R"({"Code": "AssumeRoleUnauthorizedAccess"})"));
  EXPECT_FALSE(granted(MetadataService::imds, role_web, R"({"AccessKeyId": {"a": "ASIAIOSFODNN7EXAMPLE"}})"));
}

/// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
TEST(Metadata, of_a_task_s_role) {
  const std::string answer =
      R"({"AccessKeyId": "ASIAIOSFODNN7EXAMPLE", "Expiration": "2017-05-17T15:09:54Z",
          "RoleArn": "arn:aws:iam::123456789012:role/task", "SecretAccessKey": "canary", "Token": "canary"})";
  const auto grant = granted(MetadataService::ecs, {"/v2/credentials/0d9b3c2a", {}}, answer);
  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->arn, "arn:aws:iam::123456789012:role/task");
  EXPECT_EQ(grant->subject, "");
  EXPECT_EQ(grant->source, "ecs");
  // What only ECS says is not taken from others.
  EXPECT_EQ(granted(MetadataService::imds, role_web, answer)->arn, "");
}

/// The token is {"sub": "system:serviceaccount:shop:deployer"}, and comes without "Bearer".
TEST(Metadata, of_a_pod_s_service_account) {
  const std::string token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6c2hvcDpkZXBsb3llciJ9.canary";
  const std::string answer = R"({"AccessKeyId": "ASIAQNZGKIQY56JQ7WML", "SecretAccessKey": "canary", "Token": "canary",
                                 "AccountId": "029608264753", "Expiration": "2017-05-17T15:09:54Z"})";
  const Asked asked{"/v1/credentials", {{"Authorization", token}}};
  const auto grant = granted(MetadataService::pod_identity, asked, answer);
  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->subject, "system:serviceaccount:shop:deployer");
  EXPECT_EQ(grant->source, "eks-pod-identity");
  EXPECT_FALSE(granted(MetadataService::pod_identity, {"/v2/credentials", {}}, answer));
  std::string other = answer;
  other.replace(other.find("029608264753"), 12, "111111111111");
  EXPECT_FALSE(granted(MetadataService::pod_identity, asked, other)) << "the key is of another account";
}

TEST(Metadata, is_believed_by_its_address_alone) {
  EXPECT_EQ(metadata_service_at(imds, 80), MetadataService::imds);
  EXPECT_EQ(metadata_service_at(imds_ipv6, 80), MetadataService::imds);
  EXPECT_EQ(metadata_service_at(imds, 8080), std::nullopt);
  Address other = imds;
  other[15] = 253;
  EXPECT_EQ(metadata_service_at(other, 80), std::nullopt);
  EXPECT_EQ(metadata_endpoints().size(), 5u);
  for (const auto& one : metadata_endpoints()) EXPECT_EQ(metadata_service_at(one.address, 80), one.service);
}

}  // namespace
}  // namespace plumbline::cloud::aws
