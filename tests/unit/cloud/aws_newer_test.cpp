// What newer types changed: a snapshot is no longer what it is of, and what has no type touches nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/cloud/aws_touched.hpp"

namespace plumbline::cloud {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Effect rds(const std::string& form_body) {
  return Effect(form("rds", "Version=2014-10-31&" + form_body).decoded(200));
}

/// A cluster would be gone by these otherwise.
TEST(AwsNewer, snapshots_are_not_what_they_are_of) {
  const Effect snapshot = rds("Action=DeleteDBClusterSnapshot&DBClusterSnapshotIdentifier=s1&DBClusterIdentifier=prod");
  EXPECT_THAT(snapshot.types(), AllOf(HasSubstr("AWS::RDS::ClusterSnapshot "), Not(HasSubstr("aws_rds_cluster ")),
                                      Not(HasSubstr("AWS::RDS::DBCluster "))));
  const Effect redshift(
      form("redshift",
           "Action=DeleteClusterSnapshot&Version=2012-12-01&SnapshotIdentifier=s1&SnapshotClusterIdentifier=prod")
          .decoded(200));
  EXPECT_THAT(redshift.types(), Not(HasSubstr("aws_redshift_cluster ")));
  const Effect copies(
      form("redshift",
           "Action=EnableSnapshotCopy&Version=2012-12-01&ClusterIdentifier=prod&DestinationRegion=eu-north-1")
          .decoded(200));
  EXPECT_THAT(copies.named(0), HasSubstr("AWS::Redshift::Cluster: prod "));
  EXPECT_THAT(copies.types(), HasSubstr("aws_redshift_snapshot_copy "));
}

/// Its password is another one than the instance's.
TEST(AwsNewer, a_tenant_database_is_not_its_instance) {
  const Effect tenant =
      rds("Action=ModifyTenantDatabase&DBInstanceIdentifier=db1&TenantDBName=t&MasterUserPassword=canary-1");
  EXPECT_EQ(tenant.count(), 0u);
  EXPECT_EQ(tenant.json["operation"], "ModifyTenantDatabase");
}

TEST(AwsNewer, images_and_who_may_launch_them) {
  const Effect image(form("ec2",
                          "Action=ModifyImageAttribute&Version=2016-11-15&ImageId=ami-1&Description.Value=x&"
                          "LaunchPermission.Add.1.UserId=111122223333")
                         .decoded(200));
  EXPECT_EQ(image.types(0), "aws_ami aws_ami_copy aws_ami_from_instance ");
  EXPECT_EQ(image.set("aws_ami"), Json::parse(R"({"description": "x"})"));
  ASSERT_GE(image.count(), 2u);
  EXPECT_EQ(image.named(1), ": 111122223333-ami-1");
  EXPECT_EQ(image.types(1), "aws_ami_launch_permission ");
  const Effect gone(form("ec2", "Action=DeregisterImage&Version=2016-11-15&ImageId=ami-1").decoded(200));
  EXPECT_THAT(gone.types(), Not(HasSubstr("FpgaImage")));
}

TEST(AwsNewer, types_of_today) {
  const Effect channel(
      target("kinesis", "Kinesis_20131202.DeleteChannel", R"({"ChannelARN": "c"})").decoded(200, "{}"));
  EXPECT_THAT(channel.types(), HasSubstr("AWS::Kinesis::Channel "));
  const Effect table(
      target("dynamodb", "DynamoDB_20120810.UpdateTable",
             R"({"TableName": "t", "GlobalTableWitnessUpdates": [{"Create": {"RegionName": "eu-west-3"}}]})")
          .decoded(200, "{}"));
  EXPECT_EQ(table.set("aws_dynamodb_table"),
            Json::parse(R"({"+global_table_witness": [{"region_name": "eu-west-3"}]})"));
  const Effect tags(Sent::to("s3", "PUT", "/logs/k?tagging")
                        .carrying("<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>")
                        .decoded(200));
  EXPECT_EQ(tags.set("aws_s3_object"), Json::parse(R"({"tags": {"a": "b"}})"));
  const Effect placed(
      form("ec2", "Action=ModifyInstancePlacement&Version=2016-11-15&InstanceId=i-1&GroupId=pg-1").decoded(200));
  EXPECT_EQ(placed.set("aws_instance")["placement_group_id"], "pg-1");
}

/// Tags of what a call does not say the type of are no policy's.
TEST(AwsNewer, a_tagged_resource_is_no_resource_policy) {
  const Effect tags(Sent::to("lambda", "POST", "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aeu-west-1%3A1%3Afunction%3Af")
                        .carrying(R"({"Tags": {"a": "b"}})")
                        .decoded(204));
  EXPECT_THAT(tags.json.dump(), Not(HasSubstr("ResourcePolicy")));
}

TEST(AwsNewer, a_domain_moves_to_a_distribution) {
  const Effect moved(
      Sent::to("cloudfront", "POST", "/2020-05-31/domain-association")
          .carrying("<UpdateDomainAssociationRequest><Domain>a.example.com</Domain><TargetResource>"
                    "<DistributionId>E1</DistributionId></TargetResource></UpdateDomainAssociationRequest>")
          .decoded(200));
  EXPECT_THAT(moved.named(0), HasSubstr("AWS::CloudFront::Distribution: E1 "));
  EXPECT_EQ(moved.set("aws_cloudfront_distribution"), Json::parse(R"({"+aliases": ["a.example.com"]})"));
}

}  // namespace
}  // namespace plumbline::cloud
