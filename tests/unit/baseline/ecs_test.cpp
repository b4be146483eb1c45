#include "baseline/source/ecs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/baseline/read_source.hpp"

namespace plumbline::baseline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string fixture = FIXTURES "/ecs/moto-5.2.5";

Result<Baseline> read(const std::string& text) {
  return read_with(read_ecs, text);
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

std::string both() {
  return "[" + content_of(fixture + "/describe-task-definition.json") + "," +
         content_of(fixture + "/describe-services.json") + "]";
}

TEST(Ecs, reads_a_task_definition) {
  const auto baseline = must_read(content_of(fixture + "/describe-task-definition.json"));
  EXPECT_THAT(baseline.revision.at("content"), HasSubstr("hmac-sha256:"));
  const auto* web = find(baseline, "ecs:shop/task-definition/web:2");
  ASSERT_NE(web, nullptr);
  EXPECT_EQ(web->provider, "aws");
  EXPECT_EQ(web->type, "AWS::ECS::TaskDefinition");
  EXPECT_THAT(web->ids, ElementsAre("arn:aws:ecs:eu-west-1:123456789012:task-definition/web:2", "web:2", "web",
                                    "/srv/shop/nginx"));
  EXPECT_EQ(web->region, "eu-west-1");
  EXPECT_EQ(web->account, "123456789012");
  EXPECT_EQ(value(web, "cpu"), "\"256\"");
  EXPECT_EQ(value(web, "tags.team"), "\"shop\"");
  EXPECT_EQ(value(web, "tags.cost\\.center"), "\"42\"");
  EXPECT_EQ(value(web, "containerDefinitions.web.image"), "\"nginx:1.27\"");
  EXPECT_EQ(value(web, "containerDefinitions.web.command"), R"(["nginx","-g","daemon off;"])");
  EXPECT_EQ(value(web, "containerDefinitions.web.environment.STAGE"), "\"prod\"");
  EXPECT_EQ(value(web, "containerDefinitions.web.environment.DB_PASSWORD"), "(sensitive)");
  EXPECT_EQ(attribute(web, "containerDefinitions.web.environment.DB_PASSWORD")->hash,
            test_fingerprints.of(canonical_text("plumbline-canary-environment").text));
  EXPECT_EQ(value(web, "containerDefinitions.web.environment.DATABASE_URL"), "(sensitive)");
  EXPECT_EQ(value(web, "containerDefinitions.web.secrets.API_TOKEN"),
            "\"arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/token-AbCdEf\"");
  EXPECT_EQ(value(web, "containerDefinitions.log\\.router.environmentFiles"),
            R"([{"type":"s3","value":"arn:aws:s3:::shop-config/router.env"}])");
  for (const char* computed : {"status", "revision", "registeredAt", "compatibilities", "taskDefinitionArn"})
    EXPECT_EQ(attribute(web, computed), nullptr) << computed;
  EXPECT_EQ(skipped(baseline, web->address),
            "its volume conf is /srv/shop/nginx of the node: what should be in it is not said here\n");
  EXPECT_THAT(all_of(baseline), Not(HasSubstr("canary")));
}

TEST(Ecs, reads_services) {
  const auto baseline = must_read(content_of(fixture + "/describe-services.json"));
  const auto* web = find(baseline, "ecs:shop/service/shop/web");
  ASSERT_NE(web, nullptr);
  EXPECT_EQ(web->type, "AWS::ECS::Service");
  EXPECT_THAT(web->ids, ElementsAre("arn:aws:ecs:eu-west-1:123456789012:service/shop/web", "shop/web", "web"));
  EXPECT_EQ(value(web, "taskDefinition"), "\"arn:aws:ecs:eu-west-1:123456789012:task-definition/web:2\"");
  EXPECT_EQ(value(web, "desiredCount"), "\"3\"");
  EXPECT_EQ(value(web, "tags.team"), "\"shop\"");
  for (const char* computed : {"pendingCount", "runningCount", "deployments", "events", "status", "clusterArn"})
    EXPECT_EQ(attribute(web, computed), nullptr) << computed;
  EXPECT_THAT(web->ignored, IsEmpty());
  EXPECT_THAT(find(baseline, "ecs:shop/service/shop/agent")->ignored, ElementsAre("desiredCount"));
  EXPECT_EQ(find(baseline, "ecs:shop/service/shop/gone"), nullptr);
  EXPECT_THAT(skipped(baseline, "ecs:shop/service/shop/gone"), HasSubstr("INACTIVE"));
  EXPECT_THAT(skipped(baseline, "ecs:shop/service/arn:aws:ecs:eu-west-1:123456789012:service/nobody"),
              HasSubstr("MISSING"));
}

TEST(Ecs, reads_several_outputs_in_a_list) {
  EXPECT_EQ(must_read(both()).resources.size(), 3u);
}

TEST(Ecs, refuses_what_is_none) {
  EXPECT_THAT(refusal("{}"), HasSubstr("neither `taskDefinition` nor `services`"));
  EXPECT_THAT(refusal("[]"), HasSubstr("an empty list"));
  EXPECT_THAT(refusal("[1]"), HasSubstr("/srv/shop#/0: not an object"));
  EXPECT_THAT(refusal("1"), HasSubstr("neither an object"));
  EXPECT_THAT(refusal(R"({"services":[],"failures":[]})"), HasSubstr("no service was asked for"));
  EXPECT_THAT(refusal(R"({"services":{}})"), HasSubstr("#/services: not a list"));
  EXPECT_THAT(refusal(R"({"services":[{"serviceName":"a"}]})"), HasSubstr("#/services/0/clusterArn"));
  EXPECT_THAT(refusal(R"({"taskDefinition":{"family":"a"}})"), HasSubstr("#/taskDefinition/revision"));
  EXPECT_THAT(refusal(R"({"taskDefinition":{"family":"a\n","revision":1}})"), HasSubstr("#/taskDefinition/family"));
  EXPECT_THAT(refusal(R"({"taskDefinition":{"family":"a","revision":1}})"), HasSubstr("containerDefinitions: missing"));
  EXPECT_THAT(
      refusal(R"({"taskDefinition":{"family":"a","revision":1,"containerDefinitions":[{"name":"x"},{"name":"x"}]}})"),
      HasSubstr("#/taskDefinition/containerDefinitions/1/name: stands twice"));
  EXPECT_THAT(refusal("[" + both() + "]"), HasSubstr("#/0: not an object"));
  EXPECT_THAT(refusal(both() + both()), HasSubstr("not JSON"));
  EXPECT_THAT(refusal(R"({"services":[],"services":[]})"), HasSubstr("a key twice"));
  EXPECT_THAT(refusal(std::string(5000, '[')), HasSubstr("not JSON"));
  const auto services = content_of(fixture + "/describe-services.json");
  EXPECT_THAT(refusal("[" + services + "," + services + "]"), HasSubstr("stands twice"));
}

TEST(Ecs, an_output_cut_anywhere_is_an_error_and_never_a_smaller_baseline) {
  const auto whole = content_of(fixture + "/describe-services.json");
  for (std::size_t size = 0; size < whole.find_last_of('}'); size += 41)
    ASSERT_FALSE(read(whole.substr(0, size))) << size;
}

TEST(Ecs, what_stands_twice_or_has_no_name_is_taken_once_or_not_at_all) {
  const auto baseline = must_read(R"({"taskDefinition":{"family":"a","revision":1,"containerDefinitions":[{"name":"c",
    "environment":[{"name":"A","value":"1"},{"name":"A","value":"2"},{"value":"3"},7],
    "secrets":[{"name":"S","valueFrom":"https://u:canary@h/"},{"name":"S","valueFrom":"x"},{"valueFrom":"y"}]}]}})");
  const auto* task = find(baseline, "ecs:shop/task-definition/a:1");
  EXPECT_EQ(value(task, "containerDefinitions.c.environment.A"), "\"1\"");
  EXPECT_EQ(value(task, "containerDefinitions.c.secrets.S"), "(sensitive)");
  EXPECT_EQ(task->attributes.size(), 3u);
  EXPECT_THAT(skipped(baseline, task->address), HasSubstr("5 of its entries"));
}

TEST(Ecs, task_definitions_that_were_deregistered_are_left_out) {
  const auto baseline = must_read(R"({"taskDefinition":{"family":"a","revision":1,"status":"INACTIVE"}})");
  EXPECT_THAT(baseline.resources, IsEmpty());
  EXPECT_THAT(skipped(baseline, "ecs:shop/task-definition/a:1"), HasSubstr("INACTIVE"));
}

}  // namespace
}  // namespace plumbline::baseline
