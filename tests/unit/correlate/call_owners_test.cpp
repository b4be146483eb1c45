// Which resources of a baseline a call touches, where sources call one thing by several names.
#include "agent/correlate/call_owners.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/correlate/call_diff.hpp"
#include "baseline/compile.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

using wire::ComparisonResult;

const baseline::KeyedHash key{std::array<std::byte, 32>{}};

/// An index of one resource of Pulumi.
baseline::Index pulumi(const std::string& type, const std::string& id, const std::string& inputs) {
  const std::string text =
      R"({"version":3,"deployment":{"manifest":{"time":"2026-01-01T00:00:00Z"},"resources":[{"urn":"urn:pulumi:dev::shop::)" +
      type + R"(::x","custom":true,"type":")" + type + R"(","id":")" + id + R"(","inputs":)" + inputs + "}]}}";
  const TempDir dir;
  const baseline::Fingerprinter prints(key);
  const std::vector<baseline::SourceSpec> specs = {{"shop", "pulumi", dir.write("shop.json", text)}};
  const auto done = baseline::compile(specs, {key, prints}, dir / "index");
  EXPECT_TRUE(done) << done.error().message();
  auto opened = baseline::Index::open(dir / "index");
  return std::move(*opened);
}

std::vector<CallTarget> target(const std::string& id, std::vector<CallType> types) {
  return {{id, std::make_shared<const std::vector<CallType>>(std::move(types))}};
}

TEST(CallOwners, types_of_pulumi_are_those_of_terraform_and_cloudformation_by_other_names) {
  const auto found = [](const std::string& mine, const std::string& theirs) {
    return !owners_of_call(pulumi(mine, "x-1", "{}"), target("x-1", {{theirs, {}}}), "Modify").empty();
  };
  EXPECT_TRUE(found("aws:ec2/securityGroup:SecurityGroup", "aws_security_group"));
  EXPECT_TRUE(found("aws:ec2/securityGroup:SecurityGroup", "AWS::EC2::SecurityGroup"));
  EXPECT_TRUE(found("aws:s3/bucket:Bucket", "aws_s3_bucket"));
  EXPECT_TRUE(found("aws:rds/instance:Instance", "AWS::RDS::DBInstance"));
  EXPECT_TRUE(found("gcp:compute/instance:Instance", "gcp_compute_instance"));
  EXPECT_FALSE(found("aws:ec2/securityGroup:SecurityGroup", "aws_vpc"));
  EXPECT_FALSE(found("aws:ec2/securityGroup:SecurityGroup", "google_security_group"));
  EXPECT_FALSE(found("aws:neptune/instance:Instance", "AWS::RDS::DBInstance"));
  EXPECT_FALSE(found("random:index/randomString:RandomString", "aws_index"));
  for (const char* odd : {"", ":", "a:b", "a:/:", "::/", "a/b:c", "aws:x:y/z", "AWS::X::Y/Z:a"})
    EXPECT_FALSE(is_bridged_type(odd) && found(odd, "aws_x")) << odd;
}

TEST(CallOwners, attributes_of_pulumi_are_terraforms_in_camel_case) {
  const auto index =
      pulumi("aws:rds/instance:Instance", "db-1", R"({"instanceClass":"db.t3.micro","tags":{"cost_center":"a"}})");
  const baseline::Fingerprinter prints(key);
  const auto set = [&](const std::string& attribute, const std::string& json) {
    const auto targets = target("db-1", {{"aws_db_instance", {{attribute, json}}}, {"AWS::RDS::DBInstance", {}}});
    const auto all = owners_of_call(index, targets, "Modify");
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? CallDiff() : compare_call(index, all[0], "merge", prints);
  };
  EXPECT_EQ(set("instance_class", "\"db.t3.micro\"").result, ComparisonResult::match);
  const auto other = set("instance_class", "\"db.m5.large\"");
  ASSERT_EQ(other.diff.size(), 1u);
  EXPECT_EQ(other.diff[0].attribute, "instanceClass");
  EXPECT_EQ(other.diff[0].live, "db.m5.large");
  EXPECT_EQ(set("tags.cost_center", "\"a\"").result, ComparisonResult::match) << "its users' own names stay";
  EXPECT_EQ(set("restore", R"([{"restore_time":"x"}])").result, ComparisonResult::not_comparable);
}

}  // namespace
}  // namespace plumbline::agent
