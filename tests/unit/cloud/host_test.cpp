#include "cloud/aws/host.hpp"

#include <gtest/gtest.h>

#include <string>

#include "cloud/aws/signature.hpp"
#include "cloud/table/tables.hpp"

namespace plumbline::cloud::aws {
namespace {

struct HostCase {
  const char *host, *service, *region, *partition, *left;
};

TEST(Host, of_all_partitions_and_manners) {
  constexpr HostCase cases[] = {
      {"ec2.us-east-1.amazonaws.com", "ec2", "us-east-1", "aws", ""},
      {"ec2.us-east-1.api.aws", "ec2", "us-east-1", "aws", ""},
      {"ec2-fips.us-gov-west-1.amazonaws.com", "ec2", "us-gov-west-1", "aws-us-gov", ""},
      {"ec2.cn-north-1.amazonaws.com.cn", "ec2", "cn-north-1", "aws-cn", ""},
      {"ec2.eusc-de-east-1.amazonaws.eu", "ec2", "eusc-de-east-1", "aws-eusc", ""},
      {"ec2.us-iso-east-1.c2s.ic.gov", "ec2", "us-iso-east-1", "aws-iso", ""},
      {"ec2.us-isob-east-1.sc2s.sgov.gov", "ec2", "us-isob-east-1", "aws-iso-b", ""},
      {"ec2.eu-isoe-west-1.cloud.adc-e.uk", "ec2", "eu-isoe-west-1", "aws-iso-e", ""},
      {"ec2.us-isof-south-1.csp.hci.ic.gov", "ec2", "us-isof-south-1", "aws-iso-f", ""},
      {"iam.amazonaws.com", "iam", "", "aws", ""},
      {"iam.us-gov.amazonaws.com", "iam", "us-gov", "aws-us-gov", ""},
      {"us-west-2.queue.amazonaws.com", "sqs", "us-west-2", "aws", ""},
      {"eu-west-1.elasticmapreduce.amazonaws.com", "emr", "eu-west-1", "aws", ""},
      {"vpce-0a1b-2c3d.ec2.eu-west-1.vpce.amazonaws.com", "ec2", "eu-west-1", "aws", "vpce-0a1b-2c3d"},
      {"123456789012.ddb.us-east-1.amazonaws.com", "dynamodb", "us-east-1", "aws", "123456789012"},
      {"EC2.US-EAST-1.AMAZONAWS.COM", "", "", "aws", "EC2.US-EAST-1"},  // clients send lower case; the suffix is enough
      {"fips.batch.us-east-1.amazonaws.com", "batch", "us-east-1", "aws", ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.host);
    const Endpoint endpoint = endpoint_of(c.host);
    ASSERT_TRUE(endpoint.known);
    EXPECT_EQ(endpoint.services.empty() ? "" : table::text(table::service(endpoint.services[0]).name), c.service);
    EXPECT_EQ(endpoint.region, c.region);
    EXPECT_EQ(table::text(table::rows<table::PartitionRow>(table::partitions)[endpoint.partition].id), c.partition);
    EXPECT_EQ(endpoint.left, c.left);
  }
}

TEST(Host, of_others_is_not_known) {
  for (const auto* host :
       {"", ".", "amazonaws.com", "example.com", "evilamazonaws.com", "amazonaws.com.example", "[::1]"})
    EXPECT_FALSE(endpoint_of(host).known) << host;
}

TEST(Host, without_port) {
  EXPECT_EQ(without_port("a.b:443"), "a.b");
  EXPECT_EQ(without_port("[::1]:443"), "[::1]");
  EXPECT_EQ(without_port("[::1]"), "[::1]");
  EXPECT_EQ(without_port("::1"), "::1");
  EXPECT_EQ(without_port(""), "");
}

/// The example of https://docs.aws.amazon.com/STS/latest/APIReference/API_GetAccessKeyInfo.html is too old to have one.
TEST(AccessKey, has_an_account) {
  EXPECT_EQ(account_of("ASIAQNZGKIQY56JQ7WML"), "029608264753");
  // Keys that others published together with their accounts.
  EXPECT_EQ(account_of("ASIAY34FZKBOKMUTVV7A"), "609629065308");
  EXPECT_EQ(account_of("AKIASP2TPHJSQH3FJRUX"), "171436882533");
  EXPECT_EQ(account_of("AKIAIOSFODNN7EXAMPLE"), "");
  EXPECT_EQ(account_of("AKIA"), "");
  EXPECT_EQ(account_of("minioadmin"), "");
  EXPECT_EQ(account_of("AKIA????????????????"), "");
}

}  // namespace
}  // namespace plumbline::cloud::aws
