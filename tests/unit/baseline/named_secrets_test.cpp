// Values that are secret by what stands beside them: none is in an index, whichever reader it came through, and what
// only sounds so stays to be read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "baseline/compile.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::baseline {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string in_quotes(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

/// A source of one resource that has a value, given as JSON, in an attribute.
struct Place {
  std::string name, kind;
  std::function<std::string(const std::string& value)> source;
};

std::string terraform(const std::string& type, const std::string& attributes) {
  return R"({"version":4,"serial":1,"lineage":"a","resources":[{"mode":"managed","type":")" + type +
         R"(","name":"x","provider":"provider[\"terraform.io/builtin/terraform\"]","instances":[{"schema_version":0,"attributes":{)" +
         attributes + R"(,"zone":"plain-zone"}}]}]})";
}

std::string kubernetes(const std::string& rest) {
  return R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c","namespace":"n","labels":{"zone":"plain-zone"})" +
         rest + "}";
}

const std::vector<Place> places = {
    {"terraform", "terraform_state",
     [](const std::string& value) { return terraform("aws_thing", "\"input\":" + value); }},
    {"terraform_text", "terraform_state",
     [](const std::string& value) { return terraform("aws_thing", "\"input\":" + in_quotes(value)); }},
    {"terraform_dynamic", "terraform_state",
     [](const std::string& value) {
       return terraform("terraform_data", R"("input":{"value":)" + value + R"(,"type":"dynamic"})");
     }},
    {"terraform_dynamic_text", "terraform_state",
     [](const std::string& value) {
       return terraform("terraform_data", R"("input":{"value":)" + in_quotes(value) + R"(,"type":"string"})");
     }},
    {"terraform_show", "terraform_json",
     [](const std::string& value) {
       return R"({"format_version":"1.0","terraform_version":"1.10.6","values":{"root_module":{"resources":[{"address":"aws_thing.x",
         "mode":"managed","type":"aws_thing","name":"x","provider_name":"registry.terraform.io/hashicorp/aws",
         "schema_version":0,"values":{"zone":"plain-zone","input":)" +
              value + R"(},"sensitive_values":{}}]}}})";
     }},
    {"pulumi", "pulumi",
     [](const std::string& value) {
       return R"({"version":3,"deployment":{"manifest":{"time":"2026-01-02T03:04:05Z"},"resources":[{"urn":
         "urn:pulumi:dev::shop::aws:s3/bucket:Bucket::b","custom":true,"type":"aws:s3/bucket:Bucket","id":"b",
         "inputs":{"zone":"plain-zone","input":)" +
              value + R"(},"outputs":{}}]}})";
     }},
    {"cloudformation", "cloudformation",
     [](const std::string& value) {
       return R"({"StackResourceSummaries":[{"LogicalResourceId":"B","PhysicalResourceId":"bucket","ResourceType":
         "AWS::S3::Bucket","ResourceStatus":"CREATE_COMPLETE"}],"Stack":{"StackId":"arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/0-1",
         "CreationTime":"2026-01-02"},"TemplateBody":{"Resources":{"B":{"Type":"AWS::S3::Bucket","Properties":{
         "Zone":"plain-zone","Input":)" +
              value + "}}}}}";
     }},
    {"ecs", "ecs",
     [](const std::string& value) {
       return R"({"taskDefinition":{"family":"web","revision":2,"status":"ACTIVE","taskDefinitionArn":
         "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:2","cpu":"plain-zone","containerDefinitions":[{"name":"web","command":)" +
              value + "}]}}";
     }},
    {"kubernetes", "kubernetes",
     [](const std::string& value) { return kubernetes("},\"spec\":{\"input\":" + value + "}"); }},
    {"kubernetes_data", "kubernetes",
     [](const std::string& value) { return kubernetes("},\"data\":{\"input\":" + in_quotes(value) + "}"); }},
    {"kubernetes_annotation", "kubernetes",
     [](const std::string& value) { return kubernetes(",\"annotations\":{\"input\":" + in_quotes(value) + "}}"); }},
    {"puppet_state", "puppet_state",
     [](const std::string& value) {
       return R"({"resources":{"Service[web]":{"parameters":{"zone":{"system_value":["plain-zone"]},"input":{"system_value":)" +
              value + "}}}}}";
     }},
    {"puppet_state_text", "puppet_state",
     [](const std::string& value) {
       return R"({"resources":{"Service[web]":{"parameters":{"zone":{"system_value":["plain-zone"]},"input":{"system_value":[)" +
              in_quotes(value) + "]}}}}}";
     }},
    {"puppet_catalog", "puppet_catalog",
     [](const std::string& value) {
       return R"({"name":"n","version":1,"catalog_uuid":"u","environment":"e","resources":[{"type":"Service","title":"web",
         "parameters":{"zone":"plain-zone","input":)" +
              value + "}}]}";
     }},
};

std::string index_of(const Place& place, const std::string& value) {
  const TempDir dir;
  const std::string source = dir / "source.json";
  std::ofstream(source) << place.source(value);
  const KeyedHash key({});
  const auto loaded = load_indexed({"s", place.kind, source}, key, dir / "index");
  EXPECT_TRUE(loaded) << place.name << ": " << loaded.error().message();
  if (!loaded || !loaded->index) return "";
  const std::string image(loaded->index->image());
  EXPECT_THAT(image, HasSubstr("plain-zone")) << place.name << " has an attribute less";
  return image;
}

class NamedSecrets : public ::testing::TestWithParam<Place> {};

TEST_P(NamedSecrets, are_not_in_the_index) {
  for (
      const char* value : {
          // A name in one member and what it stands for in another
          R"([{"name":"DB_PASSWORD","value":"canary"}])",
          R"([{"Name":"DB_PASSWORD","Value":"canary"}])",
          R"([{"key":"db-password","value":"canary"},{"key":"level","value":"debug"}])",
          R"([{"ParameterKey":"DBPassword","ParameterValue":"canary"}])",
          R"([{"OptionName":"DB_PASSWORD","Namespace":"aws:elasticbeanstalk","Value":"canary"}])",
          R"([{"name":"DB_PASSWORD","key":"a","value":"canary"}])",
          R"([{"value":{"is":["canary"]},"name":"DB_PASSWORD"}])",
          R"([[{"name":"DB_PASSWORD","value":"canary"}]])",
          R"([["x"],[{"key":"DB_PASSWORD","value":"canary"}],"y"])",
          R"({"name":"DB_PASSWORD","value":"canary"})",
          R"({"value":"canary","inner":{"x":"y"},"Key":"DB_PASSWORD"})",
          R"(["[{\"name\":\"DB_PASSWORD\",\"value\":\"canary\"}]"])",
          // An option and what is given to it
          R"(["--password","canary"])",
          R"(["app","--db-password","canary","--verbose"])",
          R"(["curl","-u","bob:canary","https://host/"])",
          R"(["/usr/bin/curl","--user","bob:canary"])",
          R"(["curl","-ubob:canary"])",
          R"(["mysqldump","-h","db","-pcanary"])",
          R"(["sshpass","-p","canary","ssh","host"])",
          R"(["redis-cli","-a","canary"])",
          R"(["app","pwd=canary"])",
          R"(["app","password.main=canary"])",
          // What looks like a policy
          R"({"Statement":[{"Effect":"Allow","Action":"s3:GetObject"}],"password":"canary"})",
          R"({"Statement":[{"Effect":"Allow","Action":"s3:GetObject","clientSecret":{"x":"canary"}}]})",
          R"({"Statement":[{"Effect":"Allow","Condition":{"StringLike":{"aws:Referer":"ghp_canary0123456789canary0123"}}}]})",
          R"({"Statement":[{"Effect":"Allow","Condition":{"StringLike":{"aws:RequestTag/apiToken":"canary"}}}]})",
          R"({"Statement":[{"Effect":"Allow","Condition":{"StringLike":{"password":"canary"}}}]})",
          R"({"Statement":[{"Effect":"Allow"}],"env":[{"name":"DB_PASSWORD","value":"canary"}]})",
          R"({"Statement":[{"Effect":"Allow"}],"env":"[{\"value\":\"canary\",\"name\":\"DB_PASSWORD\"}]"})",
          R"({"Statement":[{"Effect":"Allow"}],"run":["--password","canary"]})",
          R"([{"Statement":{"Effect":"Allow"},"Version":"password=canary"}])",
          R"({"Statement":"[\"--password\",\"canary\"]"})",
      })
    EXPECT_THAT(index_of(GetParam(), value), Not(HasSubstr("canary"))) << value;
}

TEST_P(NamedSecrets, what_only_sounds_like_one_stays) {
  const std::string& of = GetParam().name;
  for (
      const char* value : {
          R"([{"name":"LEVEL","value":"canary"}])",
          R"([{"name":"x","values":["canary"]}])",
          R"([{"name":"DB_PASSWORD","valueFrom":"canary"}])",
          R"([{"name":"ENABLE_TOKEN","value":true,"x":"canary"}])",
          R"(["app","--token-ttl","canary","--user","canary:canary"])",
          R"(["app","--authentication-token-webhook","--zone=canary"])",
          R"(["run","-u","1000:1000","canary","-pcanary"])",
          R"({"Statement":[{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:eu-west-1:1:secret:canary"}]})",
          R"({"Statement":[{"Effect":"Allow","Condition":{"StringEquals":{"token.actions.githubusercontent.com:sub":"canary"}}}]})",
          R"({"Statement":[{"Effect":"Allow","Condition":{"StringEquals":{"aws:PrincipalTag/team":"canary"}}}]})",
          R"({"Statement":[{"Effect":"Allow","Condition":{"StringEquals":{"kms:ViaService":"canary"}}}]})",
          R"({"Statement":[{"Effect":"Allow","Condition":{"StringEquals":{"kms:EncryptionContext:SecretARN":"canary"}}}]})",
          R"({"Statement":[{"Effect":"Deny","Condition":{"DateLessThan":{"aws:TokenIssueTime":"canary"}}}]})",
          R"({"Statement":[{"Effect":"Deny","Condition":{"StringEquals":{"ec2:MetadataHttpTokens":"canary"}}}]})",
          R"({"Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::1:oidc-provider/canary"},"Sid":"TokenOfCanary"}]})",
      }) {
    const bool is_map = std::string_view(value).starts_with('{');
    if (is_map && of.starts_with("kubernetes")) continue;  // has no policies, and goes by more names in texts
    EXPECT_THAT(index_of(GetParam(), value), HasSubstr("canary")) << value;
  }
}

INSTANTIATE_TEST_SUITE_P(Of, NamedSecrets, ::testing::ValuesIn(places), [](const auto& of) { return of.param.name; });

}  // namespace
}  // namespace plumbline::baseline
