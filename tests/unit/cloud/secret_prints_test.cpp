// Secrets by fingerprints of the forms that a state may hold.
#include "cloud/body/secret_prints.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "baseline/value/canonical.hpp"
#include "tests/unit/cloud/exchange.hpp"

namespace plumbline::cloud {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class SecretPrintsTest : public ::testing::Test {
 protected:
  std::vector<std::uint64_t> of(const std::string& text) const {
    Value value = Value::of_text(text);
    prints_.hide(value);
    EXPECT_EQ(value.kind, Value::Kind::secret);
    EXPECT_EQ(value.text, "");
    return value.prints;
  }
  std::uint64_t in_state(const std::string& text) const {
    std::string canonical;
    (void)baseline::append_canonical_text(text, canonical);
    return fingerprints_.of(canonical);
  }

  const baseline::KeyedHash key_{std::array<std::byte, 32>{}};
  const baseline::Fingerprinter fingerprints_{key_};
  const SecretPrints prints_{{&key_}};
};

TEST_F(SecretPrintsTest, are_those_of_the_state_in_each_form) {
  const std::string base64 = "d2ViLXNlcnZlcg==";
  EXPECT_THAT(of(base64), Contains(in_state(base64)));
  EXPECT_THAT(of(base64), Contains(in_state("web-server")));
  // printf web-server | sha1sum
  EXPECT_THAT(of(base64), Contains(in_state("d254f73b2e3deba4b887879f91ec0a3dffafba80")));
  EXPECT_THAT(of("web-server"), Not(Contains(in_state("web-servers"))));
  EXPECT_THAT(of(R"({"b": 1, "a": "x"})"), Contains(in_state(R"({"a":"x","b":1})"))) << "JSON is compared as JSON";
  EXPECT_THAT(of("abc"), SizeIs(2)) << "no base64";
}

TEST_F(SecretPrintsTest, what_is_no_text_has_none) {
  Value map = Value::of(Value::Kind::map);
  map.members.push_back({"a", Value::of_text("b")});
  prints_.hide(map);
  EXPECT_EQ(map.kind, Value::Kind::secret);
  EXPECT_THAT(map.prints, IsEmpty());
  EXPECT_THAT(map.members, IsEmpty());
  Value plain = Value::of_text("b");
  hide_value(plain, nullptr);
  EXPECT_THAT(plain.prints, IsEmpty());
}

TEST_F(SecretPrintsTest, reach_the_setting_and_no_output) {
  const auto sent =
      form("rds", "Action=ModifyDBInstance&Version=2014-10-31&DBInstanceIdentifier=shop&MasterUserPassword=canary-1");
  const auto views = sent.fields();
  const Request request{{sent.method, sent.host, sent.path, views}, sent.body, false, &prints_};
  const auto operation = decode(request, {200, {}, "", false});
  std::vector<std::uint64_t> found;
  for (const auto& thing : operation.touched)
    for (const auto& candidate : thing.candidates)
      for (const auto& setting : candidate.settings)
        if (candidate.iac_type == "aws_db_instance" && setting.attribute == "password") found = setting.value.prints;
  EXPECT_THAT(found, Contains(in_state("canary-1")));
  const std::string line = to_json(operation);
  EXPECT_THAT(line, Not(HasSubstr("canary")));
  for (const auto print : found) EXPECT_THAT(line, Not(HasSubstr(std::to_string(print))));
}

Sent plain(std::string method, std::string path, std::string host) {
  return {std::move(method), std::move(host), std::move(path), {}, "", false};
}

/// Settings of one IaC type that are secret, by attribute.
class SecretsOfClouds : public SecretPrintsTest {
 protected:
  std::map<std::string, std::vector<std::uint64_t>> settings(const Sent& sent, const std::string& type) const {
    const auto views = sent.fields();
    const Request request{{sent.method, sent.host, sent.path, views}, sent.body, false, &prints_};
    const auto operation = decode(request, {200, {}, "{}", false});
    const std::string line = to_json(operation);
    EXPECT_THAT(line, Not(HasSubstr("canary")));
    EXPECT_THAT(line, Not(HasSubstr("Y2FuYXJ5")));
    std::map<std::string, std::vector<std::uint64_t>> found;
    for (const auto& thing : operation.touched)
      for (const auto& candidate : thing.candidates)
        for (const auto& setting : candidate.settings)
          if (candidate.iac_type == type && holds_secret(setting.value))
            found[setting.attribute] = setting.value.prints;
    return found;
  }
  /// As the baseline has a list: ordered for Kubernetes, else sorted.
  std::uint64_t of_json(const std::string& json, baseline::Lists lists) const {
    simdjson::dom::parser parser;
    return fingerprints_.of(baseline::canonical(parser.parse(json).value(), lists).text);
  }
};

TEST_F(SecretsOfClouds, data_of_a_secret_in_both_spellings) {
  const auto sent = [](const std::string& body) {
    return plain("PATCH", "/api/v1/namespaces/shop/secrets/db", "10.0.0.1:6443")
        .with("content-type", "application/strategic-merge-patch+json")
        .carrying(body);
  };
  const auto encoded = settings(sent(R"({"data":{"password":"Y2FuYXJ5LTE=","user":null}})"), "v1/Secret");
  ASSERT_EQ(encoded.size(), 1u);
  EXPECT_THAT(encoded.at("data.password"), Contains(in_state("canary-1")));
  const auto plain = settings(sent(R"({"stringData":{"password":"canary-1"}})"), "v1/Secret");
  EXPECT_THAT(plain.at("data.password"), Contains(in_state("canary-1")));
  EXPECT_THAT(plain.at("data.password"), Not(Contains(in_state("canary-2"))));
}

TEST_F(SecretsOfClouds, variables_of_a_container_and_a_list_of_which_one_is_secret) {
  const auto found = settings(
      plain("PATCH", "/apis/apps/v1/namespaces/shop/deployments/web", "10.0.0.1:6443")
          .with("content-type", "application/strategic-merge-patch+json")
          .carrying(
              R"({"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"DB_PASSWORD","value":"canary-1"},
{"name":"LEVEL","value":"info"}],"args":["-v","postgres://app:canary-2@db/shop"]}]}}}})"),
      "apps/v1/Deployment");
  const std::string web = "spec.template.spec.containers[name=web].";
  EXPECT_THAT(found.at(web + "env[name=DB_PASSWORD].value"), Contains(in_state("canary-1")));
  EXPECT_THAT(found.at(web + "args"),
              Contains(of_json(R"(["-v","postgres://app:canary-2@db/shop"])", baseline::Lists::ordered)));
  EXPECT_EQ(found.size(), 2u);
}

TEST_F(SecretsOfClouds, what_google_calls_a_payload) {
  const auto version =
      settings(plain("POST", "/v1/projects/p/locations/global/parameters/q/versions?parameterVersionId=v1",
                     "parametermanager.googleapis.com")
                   .carrying(R"({"payload":{"data":"Y2FuYXJ5LTE="}})"),
               "google_parameter_manager_parameter_version");
  ASSERT_TRUE(version.contains("parameter_data"));
  EXPECT_THAT(version.at("parameter_data"), Contains(in_state("canary-1")));
}

TEST_F(SecretsOfClouds, settings_of_an_app_and_a_secret_of_a_vault) {
  const std::string subscription = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/g/providers/";
  const auto put = [&](const std::string& path, const std::string& body) {
    return plain("PUT", subscription + path + "?api-version=2023-12-01", "management.azure.com").carrying(body);
  };
  const auto vault = settings(put("Microsoft.KeyVault/vaults/v/secrets/s", R"({"properties":{"value":"canary-1"}})"),
                              "azure-native:keyvault:Secret");
  EXPECT_THAT(vault.at("value"), Contains(in_state("canary-1")));
  const std::string list = R"([{"name":"DB_PASSWORD","value":"canary-1"},{"name":"LEVEL","value":"info"}])";
  const auto site =
      settings(put("Microsoft.Web/sites/w", R"({"properties":{"siteConfig":{"appSettings":)" + list + "}}}"),
               "azure-native:web:Site");
  EXPECT_THAT(site.at("siteConfig.appSettings"), Contains(of_json(list, baseline::Lists::unordered)));
  const auto config = settings(put("Microsoft.Web/sites/w/config/appsettings", R"({"properties":{"A":"canary-1"}})"),
                               "azure-native:web:Config");
  for (const auto& [attribute, prints] : config) EXPECT_THAT(prints, Contains(in_state("canary-1"))) << attribute;
}

TEST_F(SecretsOfClouds, containers_of_a_task_with_secrets_in_a_list_in_a_list) {
  const std::string containers =
      R"([{"name":"web","environment":[{"name":"LEVEL","value":"canary-1"}],"command":["-v"]},{"name":"log"}])";
  const auto found = settings(Sent::to("ecs", "POST", "/")
                                  .with("X-Amz-Target", "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition")
                                  .carrying(R"({"family":"shop","containerDefinitions":)" + containers + "}"),
                              "aws_ecs_task_definition");
  ASSERT_TRUE(found.contains("container_definitions"));
  EXPECT_THAT(found.at("container_definitions"), Contains(of_json(containers, baseline::Lists::unordered)));
  EXPECT_EQ(found.size(), 1u);
}

TEST_F(SecretsOfClouds, a_list_that_is_secret_as_a_whole) {
  const auto found = settings(
      form("elasticache",
           "Action=ModifyUser&Version=2015-02-02&UserId=app&Passwords.member.1=canary-1&Passwords.member.2=canary-2"),
      "aws_elasticache_user");
  ASSERT_TRUE(found.contains("passwords"));
  EXPECT_THAT(found.at("passwords"), Contains(of_json(R"(["canary-2","canary-1"])", baseline::Lists::unordered)));
}

TEST_F(SecretsOfClouds, variables_of_a_function_keep_their_names) {
  const auto sent = Sent::to("lambda", "PUT", "/2015-03-31/functions/f/configuration", "lambda.eu-west-1.amazonaws.com")
                        .carrying(R"({"Environment":{"Variables":{"DB":"canary-1","LEVEL":"canary-2"}}})");
  const auto views = sent.fields();
  const Request request{{sent.method, sent.host, sent.path, views}, sent.body, false, &prints_};
  const auto operation = decode(request, {200, {}, "{}", false});
  const Value* level = operation.parameters.find({"Environment", "Variables", "LEVEL"});
  ASSERT_NE(level, nullptr);
  EXPECT_EQ(level->kind, Value::Kind::secret);
  EXPECT_THAT(level->prints, Contains(in_state("canary-2")));
  const auto without =
      decode({{sent.method, sent.host, sent.path, views}, sent.body, false, nullptr}, {200, {}, "{}", false});
  EXPECT_EQ(without.parameters.find({"Environment", "Variables", "LEVEL"}), nullptr) << "as the model says";
}

}  // namespace
}  // namespace plumbline::cloud
