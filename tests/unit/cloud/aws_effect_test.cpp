// Rules that hold for every operation: what is touched, when, and within which bounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/aws/identifier.hpp"
#include "cloud/aws/type_block.hpp"
#include "tests/unit/cloud/aws_touched.hpp"

namespace plumbline::cloud {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(AwsEffect, is_none_of_reads_and_of_data) {
  EXPECT_EQ(Effect(form("ec2", "Action=DescribeInstances&Version=2016-11-15&InstanceId.1=i-1").decoded(200)).count(),
            0u);
  const Effect item(target("dynamodb", "DynamoDB_20120810.PutItem", R"({"TableName": "t"})").decoded(200));
  EXPECT_EQ(item.count(), 0u);
  EXPECT_EQ(item.semantics(), "");
}

/// Tables say it of each write: a name of none would print nothing.
TEST(AwsEffect, semantics_by_verb) {
  const auto of = [](const std::string& action) {
    return Effect(form("ec2", "Action=" + action + "&Version=2016-11-15").decoded(200)).semantics();
  };
  EXPECT_EQ(of("CreateSubnet"), "create");
  EXPECT_EQ(of("DeleteSubnet"), "remove");
  EXPECT_EQ(of("ModifySubnetAttribute"), "merge");
  EXPECT_EQ(of("ReplaceRoute"), "replace");
  EXPECT_EQ(of("AssociateAddress"), "delta");
  EXPECT_EQ(of("DeleteTags"), "delta");
}

TEST(AwsEffect, what_was_refused_is_touched_still_but_has_no_answer) {
  const auto sent = target("secretsmanager", "secretsmanager.PutSecretValue", R"({"SecretId": "s"})");
  const Effect denied(
      sent.decoded(400, R"({"__type": "AccessDeniedException", "ARN": "arn:aws:x", "VersionId": "v"})"));
  EXPECT_EQ(denied.json["outcome"], "denied");
  EXPECT_EQ(denied.named(0), "AWS::SecretsManager::Secret: s");
  const Effect dry(
      form("ec2", "Action=TerminateInstances&Version=2016-11-15&InstanceId.1=i-1&DryRun=true")
          .decoded(412, "<Response><Errors><Error><Code>DryRunOperation</Code></Error></Errors></Response>"));
  EXPECT_EQ(dry.json["outcome"], "dry_run");
  EXPECT_EQ(dry.count(), 1u);
}

TEST(AwsEffect, answers_name_what_was_created) {
  const Effect subnet(form("ec2", "Action=CreateSubnet&Version=2016-11-15&VpcId=vpc-1&CidrBlock=10.0.1.0%2F24")
                          .decoded(200,
                                   "<CreateSubnetResponse><subnet><subnetId>subnet-1</subnetId></subnet>"
                                   "</CreateSubnetResponse>"));
  EXPECT_EQ(subnet.named(0), "AWS::EC2::Subnet: subnet-1");
  EXPECT_EQ(subnet.json["resources"][0]["from_answer"], true);
  EXPECT_EQ(subnet.set("aws_subnet"), Json::parse(R"({"vpc_id": "vpc-1", "cidr_block": "10.0.1.0/24"})"));
  const Effect api(
      Sent::to("apigateway", "POST", "/restapis").carrying(R"({"name": "n"})").decoded(201, R"({"id": "r1"})"));
  EXPECT_THAT(api.named(0), HasSubstr("r1"));
  const Effect queue(target("sqs", "AmazonSQS.CreateQueue", R"({"QueueName": "q"})")
                         .decoded(200, R"({"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/1/q"})"));
  EXPECT_THAT(queue.named(0), HasSubstr(" https://sqs.eu-west-1.amazonaws.com/1/q"));
  EXPECT_FALSE(queue.json["resources"][0].contains("from_answer"));  // its name is in the request
}

TEST(AwsEffect, each_tag_by_itself) {
  const Effect tags(form("ec2",
                         "Action=CreateTags&Version=2016-11-15&ResourceId.1=i-1&ResourceId.2=tgw-rtb-1&Tag.1.Key=a&"
                         "Tag.1.Value=b")
                        .decoded(200));
  ASSERT_EQ(tags.count(), 3u);  // both resources, and the tag as a thing of its own
  EXPECT_EQ(tags.named(0), "AWS::EC2::Instance: i-1");
  EXPECT_EQ(tags.set("aws_instance"), Json::parse(R"({"tags.a": "b"})"));
  EXPECT_EQ(tags.named(1), "AWS::EC2::TransitGatewayRouteTable: tgw-rtb-1");
  EXPECT_EQ(tags.named(2), ": i-1,a tgw-rtb-1,a");
  const Effect untagged(
      Sent::to("lambda", "DELETE",
               "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aeu-west-1%3A058264492887%3Afunction%3Af?tagKeys=a&tagKeys=b")
          .decoded(204));
  EXPECT_EQ(untagged.set("aws_lambda_function"), Json::parse(R"({"-tags.a": null, "-tags.b": null})"));
  EXPECT_THAT(untagged.named(0), HasSubstr("arn:aws:lambda:eu-west-1:058264492887:function:f f"));
}

TEST(AwsEffect, parts_that_are_added_and_taken) {
  const Effect endpoint(form("ec2",
                             "Action=ModifyVpcEndpoint&Version=2016-11-15&VpcEndpointId=vpce-1&AddSubnetId.1=s-1&"
                             "RemoveSubnetId.1=s-2")
                            .decoded(200));
  EXPECT_EQ(endpoint.semantics(), "merge");
  EXPECT_EQ(endpoint.set("aws_vpc_endpoint"), Json::parse(R"({"+subnet_ids": ["s-1"], "-subnet_ids": ["s-2"]})"));
  const Effect patched(
      Sent::to("apigateway", "PATCH", "/restapis/r1")
          .carrying(
              R"({"patchOperations": [{"op": "replace", "path": "/description", "value": "x"}, {"op": "replace"}, 7]})")
          .decoded(200, "{}"));
  EXPECT_EQ(patched.set("aws_api_gateway_rest_api"), Json::parse(R"({"description": "x"})"));
  EXPECT_THAT(patched.named(0), HasSubstr("r1"));
}

TEST(AwsEffect, a_part_that_goes_leaves_the_thing) {
  const Effect branch(
      target("codecommit", "CodeCommit_20150413.DeleteBranch", R"({"repositoryName": "r", "branchName": "b"})")
          .decoded(200, "{}"));
  EXPECT_THAT(branch.named(0), HasSubstr("AWS::CodeCommit::Repository: r"));
  EXPECT_EQ(branch.semantics(), "delta");
}

/// AWS' model calls the value of an API key nothing; Terraform's schema does.
TEST(AwsEffect, hides_what_a_schema_calls_sensitive) {
  const Effect key(Sent::to("apigateway", "POST", "/apikeys")
                       .carrying(R"({"name": "n", "value": "canary"})")
                       .decoded(201, R"({"id": "i"})"));
  EXPECT_EQ(key.set("aws_api_gateway_api_key"), Json::parse(R"({"name": "n", "value": {"sensitive": true}})"));
  EXPECT_EQ(key.set("AWS::ApiGateway::ApiKey")["Value"], Json::parse(R"({"sensitive": true})"));
  EXPECT_EQ(key.json["parameters"]["value"], Json::parse(R"({"sensitive": true})"));
}

TEST(AwsEffect, has_bounds) {
  const auto terminates = [](std::size_t count) {
    std::string body = "Action=TerminateInstances&Version=2016-11-15";
    for (std::size_t i = 1; i <= count; ++i) body += "&InstanceId." + std::to_string(i) + "=i-" + std::to_string(i);
    return form("ec2", body).decoded(200);
  };
  const auto most = terminates(max_touched), more = terminates(max_touched + 1);
  EXPECT_EQ(most.touched.size(), max_touched);
  EXPECT_FALSE(most.parameters_cut);
  EXPECT_EQ(more.touched.size(), max_touched);
  EXPECT_TRUE(more.parameters_cut) << "which is said";
}

TEST(AwsIdentifier, expressions) {
  Value request = Value::of(Value::Kind::map), answer = request;
  request.members = {{"Name", Value::of_text("n")}, {"Parent", Value::of_text("arn:aws:x:r:1:parent/p")}};
  const aws::Source source{request, answer, nullptr, "aws", "eu-west-1", "1"};
  EXPECT_THAT(aws::values_of("Name", source), ElementsAre("n"));
  EXPECT_THAT(aws::values_of("Parent+Name", source), ElementsAre("p/n", "p:n", "p,n", "p|n"));
  EXPECT_THAT(aws::values_of("arn:{$partition}:x:{$region}:{$account}:y/{~Parent}/{Name}", source),
              ElementsAre("arn:aws:x:eu-west-1:1:y/p/n"));
  EXPECT_THAT(aws::values_of("{Other=default}/{Name}{?_Missing}", source), ElementsAre("default/n"));
  EXPECT_THAT(aws::values_of("{^Name}", source), IsEmpty());
  for (const auto* nothing :
       {"Missing", "Name+Missing", "{Name}{Missing}", "@Name", ".Name", "{Name", "{}", "{?}", "{?_}", ""})
    EXPECT_THAT(aws::values_of(nothing, source), IsEmpty()) << nothing;
  const aws::Source nowhere{request, answer, nullptr, "aws", "", ""};
  EXPECT_THAT(aws::values_of("arn:{$partition}:x:{$region}:y/{Name}", nowhere), IsEmpty());
}

TEST(AwsIdentifier, names_in_arns) {
  EXPECT_EQ(aws::name_of("arn:aws:lambda:eu-west-1:1:function:f:7"), "f");
  EXPECT_EQ(aws::name_of("1:function:f"), "f");
  EXPECT_EQ(aws::name_of("arn:aws:secretsmanager:r:1:secret:team/s-AbCdEf"), "team/s");
  EXPECT_EQ(aws::name_of("arn:aws:sns:r:1:t"), "t");
  EXPECT_EQ(aws::name_of("name"), "name");
  EXPECT_EQ(aws::name_of("arn:aws"), "arn:aws");
}

TEST(AwsTypes, members_and_attributes) {
  EXPECT_TRUE(aws::alike("DBInstanceClass", "db_instance_class"));
  EXPECT_FALSE(aws::alike("DBInstanceClass", "db_instance"));
  for (const auto& type : table::rows<table::TypeRow>(table::types))
    if (table::text(type.name) == "aws_launch_template") {
      EXPECT_NE(aws::attribute_at(type.block, "metadata_options.http_tokens"), nullptr);
      EXPECT_EQ(aws::attribute_at(type.block, "metadata_options.nothing"), nullptr);
      EXPECT_EQ(aws::attribute_at(type.block, "name.nothing"), nullptr);
    }
}

}  // namespace
}  // namespace plumbline::cloud
