#include <gtest/gtest.h>

#include "tests/unit/cloud/aws_touched.hpp"

namespace plumbline::cloud {
namespace {

/// EC2 refuses each dry run; what it answers otherwise was done, whatever was asked.
TEST(DryRun, of_ec2_is_told_by_its_answer_alone) {
  const auto dry = form("ec2", "Action=StopInstances&Version=2016-11-15&DryRun=true");
  EXPECT_EQ(word(dry.decoded(200).outcome), "succeeded");
  EXPECT_EQ(word(dry.decoded(403).outcome), "denied");
  EXPECT_EQ(word(dry.decoded(0).outcome), "unknown");
  const std::string refused = "<Response><Errors><Error><Code>DryRunOperation</Code></Error></Errors></Response>";
  EXPECT_EQ(word(dry.decoded(412, refused).outcome), "dry_run");
}

TEST(DryRun, where_the_model_has_one) {
  const std::string code = "/2015-03-31/functions/f/code";
  const std::vector<Sent> asked = {
      Sent::to("lambda", "PUT", code).carrying(R"({"S3Bucket":"b","DryRun":true})"),
      target("ssm", "AmazonSSM.DeleteInventory", R"({"TypeName":"Custom:x","DryRun":true})"),
      Sent::to("medialive", "PUT", "/prod/channels/1").carrying(R"({"dryRun":true})"),
      Sent::to("es", "POST", "/2015-01-01/es/upgradeDomain").carrying(R"({"DomainName":"d","PerformCheckOnly":true})"),
      form("redshift", "Action=CreateSnapshotSchedule&Version=2012-12-01&ScheduleIdentifier=s&DryRun=true"),
  };
  for (const auto& sent : asked) {
    SCOPED_TRACE(sent.body);
    EXPECT_EQ(word(sent.decoded(200).outcome), "dry_run");
    EXPECT_EQ(word(sent.decoded(403).outcome), "denied");
    EXPECT_EQ(word(sent.decoded(0).outcome), "unknown");
  }
}

TEST(DryRun, is_none_where_the_model_has_it_not) {
  const std::string code = "/2015-03-31/functions/f/code";
  const std::vector<Sent> done = {
      form("rds", "Action=ModifyDBInstance&Version=2014-10-31&DBInstanceIdentifier=d&DryRun=true"),
      target("ecs", "AmazonEC2ContainerServiceV20141113.UpdateService", R"({"service":"s","DryRun":true})"),
      target("ecs", "AmazonEC2ContainerServiceV20141113.UpdateService", R"({"service":"s","dryRun":true})"),
      Sent::to("lambda", "PUT", code + "?DryRun=true").carrying(R"({"S3Bucket":"b"})"),
      Sent::to("lambda", "PUT", code).carrying(R"({"S3Bucket":"b","dryRun":true})"),
      Sent::to("lambda", "PUT", code).with("DryRun", "true").carrying(R"({"S3Bucket":"b"})"),
      Sent::to("medialive", "PUT", "/prod/channels/1").carrying(R"({"DryRun":true})"),
      Sent::to("s3", "DELETE", "/bucket?DryRun=true"),
      // Its dry run is refused, as EC2's, by an error of the model.
      target("kms", "TrentService.RevokeGrant", R"({"KeyId":"k","GrantId":"g","DryRun":true})"),
  };
  for (const auto& sent : done) {
    SCOPED_TRACE(sent.path + " " + sent.body);
    EXPECT_EQ(word(sent.decoded(200).outcome), "succeeded");
  }
}

Sent google(std::string method, std::string host, std::string path, std::string body = "") {
  return Sent{std::move(method), std::move(host), std::move(path), {{"Content-Type", "application/json"}}, body, false};
}

/// Of a method that has none, and where its own is elsewhere or contradicts itself.
TEST(DryRun, of_google_is_none_where_the_method_has_it_not) {
  const std::string node_pool = "/v1/projects/p/locations/l/clusters/c/nodePools/n";
  const std::string profiles = "/v1/projects/p/locations/l/connectionProfiles?connectionProfileId=c";
  const std::vector<Sent> done = {
      google("PUT", "container.googleapis.com", node_pool + "?validateOnly=true", "{}"),
      google("PUT", "container.googleapis.com", node_pool, R"({"dryRun":true,"validateOnly":true})"),
      google("PATCH", "compute.googleapis.com", "/compute/v1/projects/p/zones/z/instances/i?dryRun=true", "{}"),
      google("POST", "datamigration.googleapis.com", profiles, R"({"validateOnly":true})"),
      google("POST", "datamigration.googleapis.com", profiles + "&validateOnly=true&validateOnly=false", "{}"),
      google("POST", "datamigration.googleapis.com", profiles + "&validateOnly=false", "{}"),
  };
  for (const auto& sent : done) {
    SCOPED_TRACE(sent.path + " " + sent.body);
    EXPECT_EQ(word(sent.decoded(200).outcome), "succeeded");
  }
}

/// A server reads DeleteOptions in a body, and of other calls the query alone.
TEST(DryRun, a_dry_run_stands_where_the_server_reads_it) {
  const auto outcome = [](const std::string& method, const std::string& path, const std::string& body,
                          int status = 200) {
    return std::string(word(Sent{method,
                                 "10.96.0.1",
                                 path,
                                 {{"User-Agent", "kubectl/v1.32.4"}, {"Content-Type", "application/json"}},
                                 body,
                                 false}
                                .decoded(status)
                                .outcome));
  };
  const std::string deployment = "/apis/apps/v1/namespaces/shop/deployments/web";
  const std::string all = R"({"dryRun":["All"]})", none = R"({"kind":"DeleteOptions","apiVersion":"v1"})";
  const std::string pods = "/api/v1/namespaces/shop/pods";
  EXPECT_EQ(outcome("PATCH", deployment, all), "succeeded");
  EXPECT_EQ(outcome("PUT", deployment, all), "succeeded");
  EXPECT_EQ(outcome("POST", pods, R"({"metadata":{"name":"p"},"dryRun":["All"]})", 201), "succeeded");
  EXPECT_EQ(outcome("PUT", deployment + "?dryRun=All", "{}"), "dry_run");
  EXPECT_EQ(outcome("PUT", deployment + "?dryRun=%41ll", "{}"), "dry_run");
  EXPECT_EQ(outcome("PUT", deployment + "?dryRun=None", "{}"), "succeeded");
  EXPECT_EQ(outcome("DELETE", deployment, all), "dry_run");
  EXPECT_EQ(outcome("DELETE", pods, all), "dry_run");  // deletecollection
  EXPECT_EQ(outcome("DELETE", deployment + "?dryRun=All", ""), "dry_run");
  EXPECT_EQ(outcome("DELETE", deployment + "?dryRun=All", none), "succeeded");
  EXPECT_EQ(outcome("POST", pods + "/p/eviction", R"({"deleteOptions":{"dryRun":["All"]}})", 201), "dry_run");
  EXPECT_EQ(outcome("POST", pods + "/p/eviction", all, 201), "succeeded");
  EXPECT_EQ(outcome("POST", pods + "/p/proxy/restart?dryRun=All", "{}"), "succeeded");
}

}  // namespace
}  // namespace plumbline::cloud
