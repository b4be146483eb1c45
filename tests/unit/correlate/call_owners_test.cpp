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

/// An index of one resource of Terraform.
baseline::Index terraform(const std::string& type, const std::string& attributes) {
  const TempDir dir;
  const baseline::Fingerprinter prints(key);
  const std::vector<baseline::SourceSpec> specs = {
      {"net", "terraform_state",
       dir.write(
           "net.tfstate",
           R"({"version":4,"serial":1,"lineage":"a","resources":[{"mode":"managed","type":")" + type +
               R"(","name":"x","provider":"provider[\"registry.terraform.io/hashicorp/aws\"]","instances":[{"attributes":{)" +
               attributes + "}}]}]}")}};
  const auto done = baseline::compile(specs, {key, prints}, dir / "index");
  EXPECT_TRUE(done) << done.error().message();
  auto opened = baseline::Index::open(dir / "index");
  return std::move(*opened);
}

TEST(CallOwners, a_list_with_secrets_is_the_same_or_not_known) {
  const std::string same = R"([{"environment":[{"name":"A_TOKEN","value":"x"}],"name":"web"}])";
  const auto index =
      terraform("aws_ecs_task_definition",
                R"("id":"shop","container_definitions":"[{\"environment\":[{\"name\":\"A_TOKEN\",\"value\":)"
                R"(\"x\"}],\"name\":\"web\"}]")");
  const baseline::Fingerprinter prints(key);
  const auto compared = [&](const std::string& list, bool is_as_sent) {
    simdjson::dom::parser parser;
    CallSetting setting{"container_definitions", std::nullopt};
    setting.prints = {prints.of(baseline::canonical(parser.parse(list).value(), baseline::Lists::unordered).text)};
    setting.is_as_sent = is_as_sent;
    const auto targets = target("shop", {{"aws_ecs_task_definition", {setting}}});
    const auto all = owners_of_call(index, targets, "Register");
    return compare_call(index, all.at(0), "merge", prints);
  };
  EXPECT_EQ(compared(same, true).result, ComparisonResult::match);
  const auto other = compared("[]", true);
  EXPECT_EQ(other.result, ComparisonResult::not_comparable) << "defaults may have been spelled out";
  ASSERT_EQ(other.missing.size(), 1u);
  EXPECT_NE(other.missing[0].find("another spelling"), std::string::npos);
  EXPECT_EQ(compared("[]", false).result, ComparisonResult::mismatch);
}

TEST(CallOwners, a_name_is_another_thing_s_in_another_account_or_region) {
  const auto index =
      terraform("aws_dynamodb_table",
                R"("id":"users","name":"users","arn":"arn:aws:dynamodb:us-east-1:111111111111:table/users")");
  const auto is_owned = [&](const std::string& id, std::string_view region, std::string_view account) {
    return !owners_of_call(index, target(id, {{"aws_dynamodb_table", {}}}), "DeleteTable",
                           {"aws", "dynamodb", region, account})
                .empty();
  };
  EXPECT_TRUE(is_owned("users", "us-east-1", "111111111111"));
  EXPECT_TRUE(is_owned("users", "", "")) << "nothing contradicts it";
  EXPECT_FALSE(is_owned("users", "eu-west-1", "111111111111"));
  EXPECT_FALSE(is_owned("users", "us-east-1", "222222222222"));
  EXPECT_FALSE(is_owned("users", "", "222222222222"));
  EXPECT_TRUE(is_owned("arn:aws:dynamodb:us-east-1:111111111111:table/users", "eu-west-1", "222222222222"))
      << "which says all";
}

/// The caller is of another account, and the call says whose the thing is.
TEST(CallOwners, an_arn_says_of_which_account_the_other_forms_of_an_id_are) {
  const auto owned_in = [](const std::string& account) {
    const auto index =
        terraform("aws_lambda_function",
                  R"("id":"f","function_name":"f","arn":"arn:aws:lambda:us-east-1:)" + account + R"(:function:f")");
    const auto types =
        std::make_shared<const std::vector<CallType>>(std::vector<CallType>{{"aws_lambda_function", {}}});
    return !owners_of_call(index, {{"f", types}, {"arn:aws:lambda:us-east-1:111111111111:function:f:1", types}},
                           "DeleteFunction", {"aws", "lambda", "us-east-1", "222222222222"})
                .empty();
  };
  EXPECT_TRUE(owned_in("111111111111"));
  EXPECT_FALSE(owned_in("222222222222"));
}

TEST(CallOwners, a_bucket_s_name_is_the_world_s_whoever_calls) {
  const auto index = terraform("aws_s3_bucket", R"("id":"logs","bucket":"logs","account_id":"111111111111")");
  EXPECT_FALSE(owners_of_call(index, target("logs", {{"aws_s3_bucket", {}}}), "PutBucketPolicy",
                              {"aws", "s3", "us-east-1", "222222222222"})
                   .empty());
}

TEST(CallOwners, what_is_the_whole_account_s_has_no_region) {
  const auto index =
      terraform("aws_iam_role", R"("id":"deployer","name":"deployer","arn":"arn:aws:iam::111111111111:role/deployer")");
  const auto is_owned = [&](std::string_view account) {
    return !owners_of_call(index, target("deployer", {{"aws_iam_role", {}}}), "DeleteRole",
                           {"aws", "iam", "us-east-1", account})
                .empty();
  };
  EXPECT_TRUE(is_owned("111111111111"));
  EXPECT_FALSE(is_owned("222222222222"));
}

TEST(CallOwners, a_new_thing_of_a_managed_one_s_name_is_known_by_its_own_id) {
  const auto index = terraform(
      "aws_security_group",
      R"("id":"sg-0123456789abcdef0","name":"web","arn":"arn:aws:ec2:us-east-1:111111111111:security-group/sg-0123456789abcdef0")");
  const auto owned = [&](const std::string& answered) {
    auto targets = target("web", {{"aws_security_group", {}}});
    targets.push_back({answered, targets[0].types});
    return owners_of_call(index, targets, "CreateSecurityGroup", {"aws", "ec2", "us-east-1", "111111111111"}).size();
  };
  EXPECT_EQ(owned("sg-0fffffffffffffff0"), 0U);
  EXPECT_EQ(owned("sg-0123456789abcdef0"), 1U);
  EXPECT_EQ(owned("not-an-id"), 1U);
  // Of a call that the tables do not know, another group may be merely named beside it.
  EXPECT_EQ(owners_of_call(index, {{"web", nullptr}, {"sg-0fffffffffffffff0", nullptr}}, "ReplaceSecurityGroup",
                           {"aws", "ec2", "us-east-1", "111111111111"})
                .size(),
            1U);
}

}  // namespace
}  // namespace plumbline::agent
