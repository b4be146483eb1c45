#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/cloud/exchange.hpp"

namespace plumbline::cloud {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

struct OutcomeCase {
  int status;
  const char *type, *body;
  Outcome wanted;
  const char* code;
};

TEST(Outcome, of_each_protocol) {
  const auto stop = form("ec2", "Action=StopInstances&Version=2016-11-15&InstanceId.1=i-1");
  const auto table =
      Sent::to("dynamodb", "POST", "/").with("X-Amz-Target", "DynamoDB_20120810.UpdateTable").carrying("{}");
  const auto copy = Sent::to("s3", "PUT", "/logs/k").with("x-amz-copy-source", "/a/b");
  const std::vector<std::pair<Sent, OutcomeCase>> cases = {
      {stop, {0, "", "", Outcome::unknown, ""}},
      {stop, {100, "", "", Outcome::unknown, ""}},
      {stop,
       {200, "", "<StopInstancesResponse><requestId>r</requestId></StopInstancesResponse>", Outcome::succeeded, ""}},
      {stop,
       {412, "", "<Response><Errors><Error><Code>DryRunOperation</Code></Error></Errors></Response>", Outcome::dry_run,
        "DryRunOperation"}},
      {stop,
       {403, "", "<Response><Errors><Error><Code>UnauthorizedOperation</Code></Error></Errors></Response>",
        Outcome::denied, "UnauthorizedOperation"}},
      {stop,
       {400, "", "<Response><Errors><Error><Code>InvalidInstanceID.NotFound</Code>", Outcome::failed,
        "InvalidInstanceID.NotFound"}},
      {stop, {500, "", "", Outcome::failed, ""}},
      {table,
       {400, "", R"({"__type":"com.amazon.coral.service#AccessDeniedException","message":"m"})", Outcome::denied,
        "AccessDeniedException"}},
      {table,
       {400, "", R"({"__type":"com.amazonaws.dynamodb.v20120810#ResourceInUseException"})", Outcome::failed,
        "ResourceInUseException"}},
      {table, {400, "ThrottlingException:http://internal/", "", Outcome::failed, "ThrottlingException"}},
      {copy, {200, "", "<CopyObjectResult><ETag>e</ETag></CopyObjectResult>", Outcome::succeeded, ""}},
      {copy,
       {200, "", "<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code></Error>", Outcome::failed,
        "InternalError"}},
      {copy, {200, "", "<Error><Code>AccessDenied</Code></Error>", Outcome::denied, "AccessDenied"}},
  };
  for (const auto& [sent, c] : cases) {
    SCOPED_TRACE(std::to_string(c.status) + c.body);
    std::vector<HeaderField> answered;
    if (*c.type != '\0') answered.push_back({"X-Amzn-ErrorType", c.type});
    const Operation operation = sent.decoded(c.status, c.body, answered);
    EXPECT_EQ(word(operation.outcome), word(c.wanted));
    EXPECT_EQ(operation.error_code, c.code);
  }
}

TEST(Decode, says_who_and_where) {
  const Operation operation =
      Sent::to("lambda", "DELETE", "/2015-03-31/functions/f", "lambda.cn-north-1.amazonaws.com.cn")
          .with("amz-sdk-invocation-id", "i-1")
          .with("amz-sdk-request", "attempt=2; max=5")
          .decoded(204, "", {{"x-amzn-RequestId", "r-1"}});
  EXPECT_EQ(operation.service + ":" + operation.operation, "lambda:DeleteFunction");
  EXPECT_EQ(operation.region, "eu-west-1");  // what was signed for
  EXPECT_EQ(operation.partition, "aws-cn");
  EXPECT_EQ(operation.account, "058264492887");
  EXPECT_EQ(operation.access_key_id, "AKIAQ3EGVTNLQBZXABCD");
  EXPECT_EQ(operation.invocation, "i-1");
  EXPECT_EQ(operation.request_id, "r-1");
}

/// Five tries of one call differ in nothing that names it: who folds them needs the invocation alone.
TEST(Decode, tries_of_one_call_have_one_invocation) {
  const auto sent = Sent::to("sqs", "POST", "/")
                        .with("X-Amz-Target", "AmazonSQS.SetQueueAttributes")
                        .with("amz-sdk-invocation-id", "i-1")
                        .carrying("{}");
  const Operation first = sent.with("amz-sdk-request", "attempt=1").decoded(500),
                  second = sent.with("amz-sdk-request", "attempt=2").decoded(200);
  EXPECT_EQ(first.invocation, second.invocation);
  EXPECT_EQ(first.outcome, Outcome::failed);
  EXPECT_EQ(second.outcome, Outcome::succeeded);
}

TEST(Decode, writes_the_contracts_names) {
  const auto json_of = [](const Operation& operation) { return json::parse(to_json(operation)); };
  const json mapped = json_of(
      form("ec2", "Action=AuthorizeSecurityGroupIngress&Version=2016-11-15&GroupId=sg-1", "ec2.us-east-1.amazonaws.com")
          .decoded(200));
  EXPECT_EQ(mapped["provider"], "aws");
  EXPECT_EQ(mapped["service"], "ec2");
  EXPECT_EQ(mapped["operation"], "AuthorizeSecurityGroupIngress");
  EXPECT_EQ(mapped["level"], "write");
  EXPECT_EQ(mapped["outcome"], "succeeded");
  EXPECT_EQ(mapped["principal"]["access_key_id"], "AKIAQ3EGVTNLQBZXABCD");
  EXPECT_EQ(mapped["principal"]["proof"], "claimed");
  EXPECT_EQ(mapped["unmapped"], false);
  EXPECT_FALSE(mapped.contains("why"));
  const json unknown = json_of(Sent{"GET", "example.com", "/", {}, "", false}.decoded());
  EXPECT_EQ(unknown["unmapped"], true);
  EXPECT_THAT(unknown["why"].get<std::string>(), HasSubstr("neither host nor signature"));
  EXPECT_FALSE(unknown.contains("level"));
}

TEST(Decode, survives_bytes_that_are_no_text) {
  const auto sent = Sent::to("sqs", "POST", "/\xFF\x80")
                        .with("X-Amz-Target", "AmazonSQS.\xFF")
                        .with("amz-sdk-invocation-id", "\xFF")
                        .carrying("{\"a\":\"\xFF\"}");
  EXPECT_THAT(to_json(sent.decoded(200, "\xFF")), HasSubstr("unmapped"));
}

TEST(Decode, leaves_secrets_behind) {
  const auto sent =
      form("rds", "Action=CreateDBInstance&Version=2014-10-31&MasterUserPassword=canary-1&DBInstanceIdentifier=d")
          .with("X-Amz-Security-Token", "canary-2")
          .with("Cookie", "canary-3");
  const std::string all = to_json(sent.decoded(200, "<a>canary-4</a>"));
  EXPECT_THAT(all, Not(HasSubstr("canary")));
  EXPECT_THAT(all, HasSubstr("\"MasterUserPassword\":{\"sensitive\":true}"));
}

/// Of providers of Terraform, OpenTofu and Pulumi, and of what merely speaks of them.
TEST(Decode, tells_which_tool_a_client_says_to_be) {
  const auto tool = [](const std::string& agent) {
    return std::string(form("ec2", "Action=DeleteVolume&Version=2016-11-15").with("User-Agent", agent).decoded().tool);
  };
  EXPECT_EQ(tool("APN/1.0 HashiCorp/1.0 Terraform/1.11.4 (+https://www.terraform.io) terraform-provider-aws/5.100.0 "
                 "(+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.36.3"),
            "terraform");
  EXPECT_EQ(tool("HashiCorp Terraform/1.9.0 (+https://www.terraform.io) Terraform Plugin SDK/2.10.1"), "terraform");
  EXPECT_EQ(tool("APN/1.0 Pulumi/1.0 PulumiAWS/6.66 (+https://www.pulumi.com) aws-sdk-go-v2/1.30"), "pulumi");
  EXPECT_EQ(tool("aws-cli/2.9.19 Python/3.11.2 Linux/6.1 source/x86_64.debian.12"), "");
  EXPECT_EQ(tool("curl/8 notTerraform/1"), "");
  EXPECT_EQ(tool(""), "");
}

}  // namespace
}  // namespace plumbline::cloud
