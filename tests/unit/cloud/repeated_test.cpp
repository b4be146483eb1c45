// A name that a request gives more than once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/cloud/aws_touched.hpp"

namespace plumbline::cloud {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// Each value that a call sets of an attribute, of the first candidate that has it.
std::vector<std::string> values(const Operation& operation, const std::string& attribute) {
  std::vector<std::string> all;
  for (const auto& touched : operation.touched)
    for (const auto& candidate : touched.candidates) {
      for (const auto& setting : candidate.settings)
        if (setting.attribute == attribute) all.push_back(setting_json(setting.value).value_or("secret"));
      if (!all.empty()) return all;
    }
  return all;
}

std::vector<std::string> ids(const Operation& operation) {
  std::vector<std::string> all;
  for (const auto& touched : operation.touched) all.insert(all.end(), touched.ids.begin(), touched.ids.end());
  return all;
}

const std::string modify = "Action=ModifyDBInstance&Version=2014-10-31&DBInstanceIdentifier=d&";

TEST(Repeated, names_of_a_form_are_told_with_all_values) {
  EXPECT_THAT(
      values(form("rds", modify + "AllocatedStorage=20&AllocatedStorage=777").decoded(200), "allocated_storage"),
      ElementsAre("20", "777"));
  EXPECT_THAT(
      values(form("rds", modify + "AllocatedStorage=777&AllocatedStorage=20").decoded(200), "allocated_storage"),
      ElementsAre("777", "20"));
  EXPECT_THAT(values(form("rds", modify + "AllocatedStorage=20&AllocatedStorage=20").decoded(200), "allocated_storage"),
              ElementsAre("20"));
  const Operation several = form("rds", modify + "AllocatedStorage=20&AllocatedStorage=777").decoded(200);
  EXPECT_EQ(Json::parse(to_json(several))["parameters"]["AllocatedStorage"], Json({"20", "777"}));
  // Of the query and of the body, and one that is a list too.
  auto both = form("rds", modify + "AllocatedStorage=20");
  both.path = "/?" + modify + "AllocatedStorage=777";
  EXPECT_THAT(values(both.decoded(200), "allocated_storage"), ElementsAre("777", "20"));
  EXPECT_THAT(
      values(form("rds", modify + "AllocatedStorage=20&AllocatedStorage.1=777").decoded(200), "allocated_storage"),
      ElementsAre("20", "777"));
}

TEST(Repeated, names_of_json_and_cbor_are_told_with_all_values) {
  const auto update = [](const std::string& body) {
    return target("ecs", "AmazonEC2ContainerServiceV20141113.UpdateService", body).decoded(200);
  };
  EXPECT_THAT(values(update(R"({"service":"s","desiredCount":3,"desiredCount":0})"), "desired_count"),
              ElementsAre("3", "0"));
  EXPECT_THAT(values(update(R"({"service":"s","DesiredCount":3,"desiredCount":0})"), "desired_count"),
              ElementsAre("3", "0"));
  EXPECT_THAT(values(update(R"({"service":"s","desiredCount":3,"desiredCount":3})"), "desired_count"),
              ElementsAre("3"));
  EXPECT_THAT(ids(update(R"({"cluster":"c","service":"other","service":"mine"})")), Contains(HasSubstr("mine")));
  // {"AlarmName": "a", "Threshold": 1, "Threshold": 2}
  const auto alarm = Sent::to("monitoring", "POST", "/service/GraniteServiceVersion20100801/operation/PutMetricAlarm")
                         .with("Smithy-Protocol", "rpc-v2-cbor")
                         .carrying(
                             "\xA3\x69"
                             "AlarmName\x61"
                             "a\x69"
                             "Threshold\x01\x69"
                             "Threshold\x02");
  EXPECT_THAT(values(alarm.decoded(200), "threshold"), ElementsAre("1", "2"));
}

TEST(Repeated, names_of_xml_and_of_queries_are_told_with_all_values) {
  const auto versioning = Sent::to("s3", "PUT", "/logs?versioning")
                              .carrying(
                                  "<VersioningConfiguration><Status>Enabled</Status><Status>Suspended</Status>"
                                  "</VersioningConfiguration>");
  EXPECT_THAT(to_json(versioning.decoded(200)), HasSubstr(R"("Status":["Enabled","Suspended"])"));
  // Of a member that stands in the body, the head says another one.
  const auto update =
      Sent::to("lambda", "PUT", "/2015-03-31/functions/f/configuration?Timeout=900").carrying(R"({"Timeout":3})");
  EXPECT_THAT(values(update.decoded(200), "timeout"), ElementsAre("3", "900"));
}

TEST(Repeated, ids_are_all_targets) {
  const std::string rule =
      "&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22"
      "&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0";
  const std::string action = "Action=AuthorizeSecurityGroupIngress&Version=2016-11-15";
  const Operation both = form("ec2", action + "&GroupId=sg-other" + rule + "&GroupId=sg-managed").decoded(200);
  EXPECT_THAT(ids(both), Contains("sg-other"));
  EXPECT_THAT(ids(both), Contains("sg-managed"));
  const Operation cidrs =
      form("ec2", action + "&GroupId=sg-1" + rule + "&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8").decoded(200);
  EXPECT_THAT(to_json(cidrs), HasSubstr(R"("cidr_blocks":["0.0.0.0/0","10.0.0.0/8"])"));
}

TEST(Repeated, secrets_are_secret_each) {
  const Operation form_of =
      form("rds", modify + "MasterUserPassword=canary-1&MasterUserPassword=canary-2").decoded(200);
  EXPECT_THAT(to_json(form_of), Not(HasSubstr("canary")));
  const auto patch = Sent{"PATCH",
                          "10.96.0.1",
                          "/api/v1/namespaces/shop/secrets/db",
                          {{"User-Agent", "kubectl/v1.32.4"}, {"Content-Type", "application/merge-patch+json"}},
                          R"({"data":{"a":"canary-1"},"data":{"a":"canary-2"},"stringData":{"b":"canary-3"}})",
                          false};
  EXPECT_THAT(to_json(patch.decoded(200)), Not(HasSubstr("canary")));
  const auto vault =
      Sent{"PUT",
           "management.azure.com",
           "/subscriptions/8f3d1a52-0000-4000-8000-000000000001/resourceGroups/g/providers/Microsoft.KeyVault/"
           "vaults/v/secrets/s?api-version=2023-07-01",
           {},
           R"({"properties":{"value":"canary-1"},"properties":{"value":"canary-2"}})",
           false};
  EXPECT_THAT(to_json(vault.decoded(200)), Not(HasSubstr("canary")));
  const auto run = Sent{"POST",
                        "run.googleapis.com",
                        "/v2/projects/p/locations/l/services?serviceId=s",
                        {{"Authorization", "Bearer ya29.x"}},
                        R"({"template":{"containers":[{"env":[{"value":"canary-1"}],"env":[{"value":"canary-2"}]}]}})",
                        false};
  EXPECT_THAT(to_json(run.decoded(200)), Not(HasSubstr("canary")));
}

TEST(Repeated, names_of_kubernetes_are_told_with_all_values) {
  const auto patch = [](const std::string& type, const std::string& body) {
    return Sent{"PATCH",
                "10.96.0.1",
                "/apis/apps/v1/namespaces/shop/deployments/web",
                {{"User-Agent", "kubectl/v1.32.4"}, {"Content-Type", "application/" + type}},
                body,
                false}
        .decoded(200);
  };
  EXPECT_THAT(values(patch("merge-patch+json", R"({"spec":{"replicas":3,"replicas":0}})"), "spec.replicas"),
              ElementsAre("3", "0"));
  EXPECT_THAT(values(patch("merge-patch+json", R"({"spec":{"replicas":3},"spec":{"replicas":0}})"), "spec.replicas"),
              ElementsAre("3", "0"));
  EXPECT_THAT(values(patch("json-patch+json", R"([{"op":"test","op":"replace","path":"/spec/replicas","value":0}])"),
                     "spec.replicas"),
              ElementsAre("0"));
}

/// A million times: the first values and the last one, whichever a service takes; and that some are missing is said.
TEST(Repeated, names_are_bounded) {
  std::string body = modify + "AllocatedStorage=20";
  for (int i = 0; i < 1'000'000; ++i) body += i % 2 == 0 ? "&AllocatedStorage=21" : "&AllocatedStorage=22";
  const Operation many = form("rds", body + "&AllocatedStorage=777").decoded(200);
  const auto told = values(many, "allocated_storage");
  ASSERT_EQ(told.size(), max_several);
  EXPECT_EQ(told.front(), "20");
  EXPECT_EQ(told.back(), "777");
  EXPECT_TRUE(many.parameters_cut);
  std::string same = modify + "AllocatedStorage=20";
  for (int i = 0; i < 1'000'000; ++i) same += "&AllocatedStorage=20";
  EXPECT_THAT(values(form("rds", same).decoded(200), "allocated_storage"), ElementsAre("20"));
}

}  // namespace
}  // namespace plumbline::cloud
