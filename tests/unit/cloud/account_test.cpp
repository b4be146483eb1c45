// In whose account a thing is that a call is about. The key of exchange.hpp is of account 058264492887.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/cloud/aws_touched.hpp"

namespace plumbline::cloud {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

constexpr const char* own = "058264492887";
constexpr const char* other = "222222222222";

std::string accounts(const Operation& operation) {
  return operation.account + " by " + operation.principal_account;
}

TEST(Account, is_the_one_that_the_request_names) {
  const std::string both = std::string(other) + " by " + own;
  const auto ecr = target("ecr", "AmazonEC2ContainerRegistry_V20150921.PutImageTagMutability",
                          R"({"registryId":"222222222222","repositoryName":"app","imageTagMutability":"MUTABLE"})");
  EXPECT_EQ(accounts(ecr.decoded(200)), both);
  EXPECT_THAT(to_json(ecr.decoded(200)), HasSubstr(R"("account":"058264492887")"));
  const auto glue =
      target("glue", "AWSGlue.DeleteTable", R"({"CatalogId":"222222222222","DatabaseName":"d","Name":"t"})");
  EXPECT_EQ(accounts(glue.decoded(200)), both);
  const auto control =
      Sent::to("s3", "DELETE", "/v20180820/accesspoint/ap", "222222222222.s3-control.eu-west-1.amazonaws.com")
          .with("x-amz-account-id", other);
  EXPECT_EQ(accounts(control.decoded(204)), both);
  const auto bucket = Sent::to("s3", "PUT", "/logs?versioning").with("x-amz-expected-bucket-owner", other);
  EXPECT_EQ(accounts(bucket.decoded(200)), both);
  const auto queue =
      target("sqs", "AmazonSQS.SetQueueAttributes",
             R"({"QueueUrl":"https://sqs.eu-west-1.amazonaws.com/222222222222/q","Attributes":{"DelaySeconds":"5"}})");
  EXPECT_EQ(accounts(queue.decoded(200)), both);
}

TEST(Account, of_an_arn_goes_before_the_callers) {
  const auto function = Sent::to("lambda", "DELETE",
                                 "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A222222222222%3Afunction%3Af");
  const Operation operation = function.decoded(204);
  EXPECT_EQ(accounts(operation), std::string(other) + " by " + own);
  ASSERT_EQ(operation.touched.size(), 1u);
  for (const auto& id : operation.touched[0].ids) EXPECT_THAT(id, Not(HasSubstr(own)));
}

TEST(Account, is_the_callers_where_the_model_has_no_member_for_it) {
  const std::string both = std::string(own) + " by " + own;
  EXPECT_EQ(accounts(form("rds",
                          "Action=DeleteDBInstance&Version=2014-10-31&DBInstanceIdentifier=d"
                          "&registryId=222222222222&CatalogId=222222222222&AccountId=222222222222"
                          "&KmsKeyId=arn:aws:kms:eu-west-1:222222222222:key/k")
                         .with("x-amz-account-id", other)
                         .with("x-amz-expected-bucket-owner", other)
                         .decoded(200)),
            both);
  EXPECT_EQ(accounts(target("ecr", "AmazonEC2ContainerRegistry_V20150921.PutRegistryPolicy",
                            R"({"registryId":"222222222222","policyText":"{}"})")
                         .decoded(200)),
            both);
  EXPECT_EQ(accounts(target("glue", "AWSGlue.DeleteTable", R"({"DatabaseName":"d","Name":"t"})").decoded(200)), both);
}

TEST(Account, is_nobodys_where_the_request_names_two) {
  const auto ecr = target("ecr", "AmazonEC2ContainerRegistry_V20150921.PutImageTagMutability",
                          R"({"registryId":"222222222222","registryId":"111111111111","repositoryName":"app"})");
  EXPECT_EQ(accounts(ecr.decoded(200)), std::string(" by ") + own);
}

}  // namespace
}  // namespace plumbline::cloud
