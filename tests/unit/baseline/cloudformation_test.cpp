#include "baseline/source/cloudformation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "baseline/source/cfn_ids.hpp"
#include "tests/unit/baseline/read_source.hpp"

namespace plumbline::baseline {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

const std::string stack_id = "arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/0-1";

Result<Baseline> read(const std::string& text) {
  return read_with(read_cloudformation, text);
}

Baseline must_read(const std::string& text) {
  auto result = read(text);
  EXPECT_TRUE(result) << result.error().message();
  return result ? std::move(*result) : Baseline();
}

std::string refusal(const std::string& text) {
  const auto result = read(text);
  return result ? "(accepted)" : result.error().message();
}

/// A stack of one bucket "B" whose properties are given in YAML, with what else the template has.
Baseline with_properties(const std::string& properties, const std::string& rest = "") {
  const std::string yaml = rest + "\nResources:\n  B:\n    Type: AWS::S3::Bucket\n    Properties: " + properties +
                           "\n  Other: {Type: 'AWS::SQS::Queue'}\n";
  std::string quoted;
  for (const char c : yaml)
    quoted += c == '\n' ? "\\n" : c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return must_read(R"({"StackResourceSummaries":[
    {"LogicalResourceId":"B","PhysicalResourceId":"bucket","ResourceType":"AWS::S3::Bucket","ResourceStatus":"CREATE_COMPLETE"},
    {"LogicalResourceId":"Other","PhysicalResourceId":"https://sqs.eu-west-1.amazonaws.com/123456789012/jobs",
     "ResourceType":"AWS::SQS::Queue","ResourceStatus":"UPDATE_COMPLETE"}],
    "Stack":{"StackId":")" +
                   stack_id + R"(","CreationTime":"2026-01-02","Parameters":[
      {"ParameterKey":"Given","ParameterValue":"given"},{"ParameterKey":"Masked","ParameterValue":"****"},
      {"ParameterKey":"Image","ParameterValue":"/aws/image","ResolvedValue":"ami-1"}]},"TemplateBody":")" +
                   quoted + "\"}");
}

std::string resolved(const std::string& expression, const std::string& rest = "") {
  const auto baseline = with_properties("{A: " + expression + "}", rest);
  const std::string is = value(find(baseline, "cfn:shop/B"), "A");
  return is == "(none)" ? skipped(baseline, "cfn:shop/B") : is;
}

TEST(CloudFormation, reads_the_outputs_of_a_stack) {
  const auto baseline = must_read(content_of(FIXTURES "/cloudformation/moto-5.2.5/stack.json"));
  EXPECT_THAT(baseline.revision.at("stack_id"), HasSubstr(":stack/shop/"));
  EXPECT_THAT(baseline.revision.at("last_updated_time"), HasSubstr("T"));
  const auto* assets = find(baseline, "cfn:shop/Assets");
  ASSERT_NE(assets, nullptr);
  EXPECT_EQ(assets->provider, "aws");
  EXPECT_EQ(assets->type, "AWS::S3::Bucket");
  EXPECT_EQ(assets->region, "eu-west-1");
  EXPECT_EQ(assets->account, "123456789012");
  EXPECT_THAT(assets->ids, ElementsAre("shop-assets-123456789012", "arn:aws:s3:::shop-assets-123456789012"));
  EXPECT_EQ(value(assets, "BucketName"), "\"shop-assets-123456789012\"");
  EXPECT_EQ(value(assets, "VersioningConfiguration.Status"), "\"Enabled\"");
  EXPECT_EQ(value(assets, "Tags"), R"([{"Key":"stage","Value":"prod"}])");
  EXPECT_EQ(value(assets, "Metadata.aws:cdk:path"), "\"shop/Assets/Resource\"");

  EXPECT_THAT(find(baseline, "cfn:shop/Worker")->ids,
              ElementsAre("shop-worker", "arn:aws:iam::123456789012:role/shop/shop-worker"));
  EXPECT_THAT(find(baseline, "cfn:shop/Jobs")->ids,
              ElementsAre("https://sqs.eu-west-1.amazonaws.com/123456789012/shop-jobs",
                          "arn:aws:sqs:eu-west-1:123456789012:shop-jobs", "shop-jobs"));
  EXPECT_THAT(find(baseline, "cfn:shop/Alerts")->ids,
              ElementsAre("arn:aws:sns:eu-west-1:123456789012:shop-alerts", "shop-alerts"));
  EXPECT_THAT(find(baseline, "cfn:shop/Log")->ids,
              Contains("arn:aws:logs:eu-west-1:123456789012:log-group:/shop/prod/app:*"));
  EXPECT_EQ(value(find(baseline, "cfn:shop/Alerts"), "DisplayName"), "\"Right\"");
  EXPECT_EQ(value(find(baseline, "cfn:shop/Alerts"), "TopicName"), "\"shop-alerts\"");
  EXPECT_EQ(value(find(baseline, "cfn:shop/Orders"), "ProvisionedThroughput.ReadCapacityUnits"), "\"5\"");
  EXPECT_EQ(value(find(baseline, "cfn:shop/Log"), "RetentionInDays"), "\"14\"");
  EXPECT_EQ(value(find(baseline, "cfn:shop/Net"), "Tags"), R"([{"Key":"zones","Value":"a+b"}])");
  EXPECT_EQ(value(find(baseline, "cfn:shop/Web"), "VpcId"), "\"" + find(baseline, "cfn:shop/Net")->ids[0] + "\"");

  const auto* handler = find(baseline, "cfn:shop/Handler");
  EXPECT_EQ(value(handler, "Role"), "\"arn:aws:iam::123456789012:role/shop/shop-worker\"");
  EXPECT_EQ(value(handler, "Environment.Variables.TABLE"), "(sensitive)");
  EXPECT_EQ(attribute(handler, "Environment.Variables.TABLE")->hash,
            test_fingerprints.of(canonical_text("shop-orders").text));
  EXPECT_EQ(value(handler, "Environment.Variables.DB_URL"), "(none)");
  EXPECT_EQ(skipped(baseline, handler->address),
            "not compared: Environment.Variables.DB_PASSWORD, Environment.Variables.DB_URL (a NoEcho parameter)\n");
  EXPECT_THAT(skipped(baseline, "cfn:shop/AssetsPolicy"), HasSubstr("not in the stack"));
  EXPECT_THAT(skipped(baseline, "cfn:shop"), HasSubstr("has no LogicalResourceId"));
  EXPECT_THAT(all_of(baseline), Not(HasSubstr("canary")));
}

TEST(CloudFormation, reads_a_template_of_the_cdk) {
  const auto baseline = must_read(content_of(FIXTURES "/cloudformation/cdk-2.276.0/template.json"));
  EXPECT_THAT(baseline.revision.at("content"), HasSubstr("hmac-sha256:"));
  EXPECT_THAT(skipped(baseline, "cfn:shop"), HasSubstr("a template alone"));
  EXPECT_EQ(baseline.resources.size(), 9u);
  bool found = false;
  for (const auto& resource : baseline.resources) {
    if (value(&resource, "Metadata.aws:cdk:path") != "\"Shop/Jobs/Resource\"") continue;
    found = true;
    EXPECT_EQ(value(&resource, "QueueName"), "\"shop-jobs\"");
    EXPECT_THAT(resource.ids, IsEmpty());  // its id is a URL, which the template does not tell
    EXPECT_THAT(skipped(baseline, resource.address),
                HasSubstr("RedrivePolicy.deadLetterTargetArn (an attribute of another"));
  }
  EXPECT_TRUE(found);
  for (const auto& resource : baseline.resources) {
    if (resource.type == "AWS::DynamoDB::Table") {
      EXPECT_THAT(resource.ids, ElementsAre("shop-orders"));
    }
    if (resource.type == "AWS::IAM::User") {
      EXPECT_THAT(skipped(baseline, resource.address), HasSubstr("LoginProfile.Password (a NoEcho parameter)"));
    }
    EXPECT_NE(resource.type, "AWS::CDK::Metadata");
  }
}

TEST(CloudFormation, reads_a_template_in_yaml_as_its_author_wrote_it) {
  const auto baseline = must_read(content_of(FIXTURES "/cloudformation/moto-5.2.5/template.yaml"));
  EXPECT_THAT(skipped(baseline, "cfn:shop/OnlyTest"), HasSubstr("its condition is false"));
  EXPECT_THAT(skipped(baseline, "cfn:shop/OnlyEurope"), HasSubstr("its condition is not known"));
  EXPECT_EQ(value(find(baseline, "cfn:shop/Orders"), "TableName"), "\"shop-orders\"");
  EXPECT_EQ(skipped(baseline, "cfn:shop/Assets"), "not compared: BucketName (the stack is not known)\n");
}

TEST(CloudFormation, takes_expected_values_from_a_drift_report) {
  const auto baseline = must_read(content_of(FIXTURES "/cloudformation/drift-handmade/stack.json"));
  const auto* role = find(baseline, "cfn:shop/Worker");
  ASSERT_NE(role, nullptr);
  EXPECT_EQ(role->account, "123456789012");
  EXPECT_EQ(value(role, "MaxSessionDuration"), "\"3600\"");
  EXPECT_EQ(value(role, "Note.Ref"), "\"not a function here\"");
  EXPECT_THAT(skipped(baseline, role->address),
              AllOf(HasSubstr("Password (masked by CloudFormation)"),
                    HasSubstr("it differed when CloudFormation last looked; not compared: /MaxSessionDuration")));
  EXPECT_THAT(skipped(baseline, "cfn:shop/Custom"), HasSubstr("could not compare"));
  EXPECT_THAT(find(baseline, "cfn:shop/Custom")->ids, IsEmpty());
  EXPECT_THAT(all_of(baseline), Not(HasSubstr("7200")));  // the actual value
}

TEST(CloudFormation, resolves_functions) {
  const std::string params =
      "Parameters: {Given: {Type: String, Default: x}, Own: {Type: String, Default: own}, "
      "L: {Type: CommaDelimitedList, Default: 'a,b'}, Image: {Type: 'AWS::SSM::Parameter::Value<String>'}, "
      "DbPassword: {Type: String, Default: canary}}";
  EXPECT_EQ(resolved("!Ref Given", params), "\"given\"");
  EXPECT_EQ(resolved("!Ref Own", params), "\"own\"");
  EXPECT_EQ(resolved("!Ref L", params), R"(["a","b"])");
  EXPECT_EQ(resolved("!Ref Image", params), "\"ami-1\"");
  EXPECT_EQ(resolved("!Ref Other"), "\"https://sqs.eu-west-1.amazonaws.com/123456789012/jobs\"");
  EXPECT_EQ(resolved("!GetAtt Other.Arn"), "\"arn:aws:sqs:eu-west-1:123456789012:jobs\"");
  EXPECT_EQ(resolved("{'Fn::GetAtt': [Other, QueueName]}"), "\"jobs\"");
  EXPECT_EQ(resolved("!Sub '${AWS::Region}/${Other.QueueName}/${!Kept}/${AWS::StackName}'"),
            "\"eu-west-1/jobs/${Kept}/shop\"");
  EXPECT_EQ(resolved("!Sub ['${A}-${Given}', {A: !Ref Given}]", params), "\"given-given\"");
  EXPECT_EQ(resolved("!Join ['-', [a, !Ref Given, 3]]", params), "\"a-given-3\"");
  EXPECT_EQ(resolved("!Select [1, !Split ['/', 'a/b/c']]"), "\"b\"");
  EXPECT_EQ(resolved("!Base64 hello"), "\"aGVsbG8=\"");
  EXPECT_EQ(resolved("!FindInMap [M, !Ref 'AWS::Region', S]", "Mappings: {M: {eu-west-1: {S: 7}}}"), "\"7\"");
  EXPECT_EQ(resolved("[!Ref 'AWS::NoValue', a]"), R"(["a"])");
  EXPECT_EQ(resolved("!Ref DbPassword", params), "(sensitive)");
  EXPECT_EQ(resolved("!Sub 'x${DbPassword}'", params), "(sensitive)");
  EXPECT_EQ(resolved("[{MasterPassword: canary}]"), "(sensitive)");
}

TEST(CloudFormation, says_what_it_cannot_resolve_and_why) {
  const auto why = [](const std::string& reason) { return "not compared: A (" + reason + ")\n"; };
  EXPECT_EQ(resolved("!ImportValue x"), why("only CloudFormation knows Fn::ImportValue"));
  EXPECT_EQ(resolved("!Select [0, !GetAZs '']"), why("only CloudFormation knows Fn::GetAZs"));
  EXPECT_EQ(resolved("[a, {B: !Ref Nothing}]"), why("a Ref to nothing in the template"));
  EXPECT_EQ(resolved("!GetAtt Other.Unheard"), why("an attribute of another resource is not known"));
  EXPECT_EQ(resolved("'{{resolve:secretsmanager:x}}'"), why("a dynamic reference"));
  EXPECT_EQ(resolved("!Sub '{{resolve:ssm:${AWS::Region}}}'"), why("a dynamic reference"));
  EXPECT_EQ(resolved("!Ref Masked", "Parameters: {Masked: {Type: String}}"), why("masked by CloudFormation"));
  EXPECT_EQ(resolved("!Ref P", "Parameters: {P: {Type: String, NoEcho: 'true', Default: canary}}"),
            why("a NoEcho parameter"));
  EXPECT_EQ(resolved("!Ref P", "Parameters: {P: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /x}}"),
            why("a parameter that Systems Manager resolves"));
  EXPECT_EQ(resolved("!Ref P", "Parameters: {P: {Type: String}}"), why("a parameter without a value"));
  EXPECT_EQ(resolved("!If [C, a, b]"), why("its condition is not known"));
  EXPECT_EQ(resolved("{'Fn::Transform': {Name: x}, B: c}"),
            "not compared: A.Fn::Transform (a function beside other members)\n");
  EXPECT_EQ(resolved("!Ref 'AWS::NotificationARNs'"), why("the stack is not known"));
}

TEST(CloudFormation, knows_the_truth_of_conditions) {
  const auto truth = [](const std::string& condition) {
    return resolved("!If [C, yes-it-is, no-it-is-not]",
                    "Parameters: {Given: {Type: String}}\nConditions: {C: " + condition + ", Self: !Condition Self}");
  };
  const std::string yes = "\"yes-it-is\"", no = "\"no-it-is-not\"";
  EXPECT_EQ(truth("!Equals [!Ref Given, given]"), yes);
  EXPECT_EQ(truth("!Not [!Equals [!Ref Given, given]]"), no);
  EXPECT_EQ(truth("!And [!Equals [1, '1'], !Equals [a, b]]"), no);
  EXPECT_EQ(truth("!Or [!Equals [a, b], !Equals [1, '1']]"), yes);
  EXPECT_EQ(truth("!Or [!Condition Self, !Equals [a, a]]"), yes);
  EXPECT_THAT(truth("!And [!Condition Self, !Equals [a, a]]"), HasSubstr("its condition is not known"));
  EXPECT_THAT(truth("!Equals [!ImportValue x, a]"), HasSubstr("its condition is not known"));
}

TEST(CloudFormation, refuses_what_is_no_whole_stack) {
  const std::string list = R"("StackResourceSummaries":[])";
  EXPECT_THAT(refusal("{" + list + R"(,"NextToken":"x"})"),
              AllOf(HasSubstr("/srv/shop#/NextToken"), HasSubstr("goes on")));
  EXPECT_THAT(refusal("{" + list + R"(,"Stacks":[]})"), HasSubstr("must hold one stack, and holds 0"));
  EXPECT_THAT(refusal("{" + list + R"(,"Stack":{"StackId":"x"}})"), HasSubstr("not the ARN of a stack"));
  EXPECT_THAT(refusal("{" + list + R"(,"Stack":{"StackId":")" + stack_id + R"(","StackStatus":"DELETE_COMPLETE"}})"),
              HasSubstr("was deleted"));
  EXPECT_THAT(refusal(R"({"StackResources":[{"StackId":")" + stack_id + R"("},{"StackId":")" + stack_id + "2\"}]}"),
              HasSubstr("#/StackResources/1/StackId: is of another stack"));
  const std::string item = R"({"LogicalResourceId":"A","ResourceType":"AWS::S3::Bucket"})";
  EXPECT_THAT(refusal(R"({"StackResources":[)" + item + "," + item + "]}"), HasSubstr("stands twice"));
  EXPECT_THAT(refusal("{" + list + R"(,"TemplateBody":5})"), HasSubstr("neither an object nor text"));
  EXPECT_THAT(refusal("{" + list + R"(,"TemplateBody":"a: [b"})"), HasSubstr("/srv/shop#/TemplateBody:1"));
  EXPECT_THAT(refusal("{" + list + R"(,"TemplateBody":{}})"), HasSubstr("#/TemplateBody/Resources: missing"));
  EXPECT_THAT(refusal(R"({"Stacks":[]})"), HasSubstr("what the stack holds is not said"));
  EXPECT_THAT(refusal(R"({"a":1,"a":2})"), HasSubstr("a key twice"));
  EXPECT_THAT(refusal("{"), HasSubstr("not JSON"));
  EXPECT_THAT(refusal(""), HasSubstr("is empty"));
  EXPECT_THAT(refusal("a: 1"), HasSubstr("#/Resources: missing"));
  EXPECT_THAT(refusal("Resources: {A: 1}\nResources: {}"), HasSubstr("/srv/shop:2:1"));
  EXPECT_THAT(refusal("Resources: &a {A: *a}"), HasSubstr("alias"));
  EXPECT_THAT(refusal("Resources: {}\n---\nResources: {}"), HasSubstr("more than one document"));
  EXPECT_THAT(refusal("a: \xFF"), HasSubstr("not UTF-8"));
  EXPECT_THAT(refusal("a: " + std::string(3000, '[') + std::string(3000, ']')), HasSubstr("deeper than 100"));
  EXPECT_THAT(refusal("!Ref a: b"), HasSubstr("a key that is a function"));
}

TEST(CloudFormation, tells_what_is_missing_or_not_there) {
  auto baseline = must_read(R"({"StackResourceSummaries":[
    {"LogicalResourceId":"A","PhysicalResourceId":"a","ResourceType":"AWS::S3::Bucket","ResourceStatus":"CREATE_COMPLETE"},
    {"LogicalResourceId":"B","PhysicalResourceId":"b","ResourceType":"AWS::S3::Bucket","ResourceStatus":"DELETE_COMPLETE"},
    {"LogicalResourceId":"C","ResourceType":"AWS::S3::Bucket","ResourceStatus":"CREATE_FAILED"},
    {"LogicalResourceId":"D","PhysicalResourceId":"arn:aws:cloudformation:x","ResourceType":"AWS::CloudFormation::Stack"},
    {"LogicalResourceId":"E","PhysicalResourceId":"https://x/?Signature=canary","ResourceType":"AWS::CloudFormation::WaitConditionHandle"}]})");
  EXPECT_EQ(baseline.resources.size(), 2u);
  EXPECT_THAT(skipped(baseline, "cfn:shop"), AllOf(HasSubstr("no stack id"), HasSubstr("no template")));
  EXPECT_THAT(skipped(baseline, "cfn:shop/B"), HasSubstr("deleted"));
  EXPECT_THAT(skipped(baseline, "cfn:shop/C"), HasSubstr("never made"));
  EXPECT_THAT(skipped(baseline, "cfn:shop/D"), HasSubstr("nested stack"));
  EXPECT_THAT(all_of(baseline), Not(HasSubstr("canary")));
  EXPECT_THAT(find(baseline, "cfn:shop/A")->ids, ElementsAre("a"));  // no ARN: a stack is needed for the partition
}

TEST(CloudFormation, functions_that_blow_up_are_refused) {
  std::string conditions = "Conditions:\n", resources = "Resources:\n  A:\n    Type: T\n    Properties:\n      X: ";
  std::string value = "!Sub ['" + std::string(64, 'x') + "', {}]";
  for (int i = 0; i < 30; ++i) value = "!Sub ['${a}${a}', {a: " + value + "}]";
  EXPECT_THAT(refusal(resources + value + "\n"), HasSubstr("blow the text up"));
  // Roles whose paths are made of each other's ARNs.
  std::string roles = "Resources:\n";
  for (int i = 0; i < 40; ++i)
    roles += "  R" + std::to_string(i) +
             ": {Type: 'AWS::IAM::Role', Properties: {RoleName: a, Path: !Join ['', [!GetAtt R" +
             std::to_string((i + 1) % 40) + ".Arn, !GetAtt R" + std::to_string((i + 2) % 40) + ".Arn]]}}\n";
  EXPECT_EQ(must_read(roles).resources.size(), 40u);
}

TEST(CloudFormation, a_stack_cut_anywhere_is_an_error_and_never_a_smaller_baseline) {
  const auto whole = content_of(FIXTURES "/cloudformation/moto-5.2.5/stack.json");
  for (std::size_t size = 0; size < whole.find_last_of('}'); size += 61)
    ASSERT_FALSE(read(whole.substr(0, size))) << size;
}

TEST(CloudFormation, builds_the_names_of_well_known_types) {
  CfnPlace place;
  ASSERT_TRUE(place_of_stack("arn:aws-cn:cloudformation:cn-north-1:123456789012:stack/a/b", place));
  EXPECT_EQ(place.stack_name, "a");
  EXPECT_EQ(cfn_arn("AWS::S3::Bucket", "b", "", place), "arn:aws-cn:s3:::b");
  EXPECT_EQ(cfn_arn("AWS::IAM::Role", "r", "", place), "");
  EXPECT_EQ(cfn_arn("AWS::SSM::Parameter", "/a/b", "", place), "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/a/b");
  EXPECT_EQ(cfn_arn("AWS::Events::Rule", "bus|rule", "", place),
            "arn:aws-cn:events:cn-north-1:123456789012:rule/bus/rule");
  EXPECT_EQ(cfn_arn("Custom::X", "x", "", place), "");
  EXPECT_EQ(cfn_name("AWS::SecretsManager::Secret", "arn:aws:secretsmanager:r:a:secret:shop-token-AbCdEf"),
            "shop-token");
  EXPECT_EQ(cfn_name("AWS::ECS::TaskDefinition", "arn:aws:ecs:r:a:task-definition/web:2"), "web:2");
  EXPECT_FALSE(place_of_stack("arn:aws:s3:::b", place));
}

}  // namespace
}  // namespace plumbline::baseline
