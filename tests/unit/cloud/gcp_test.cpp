#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/body/secret_prints.hpp"
#include "tests/unit/cloud/exchange.hpp"

namespace plumbline::cloud {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* not_cloud = "neither host nor signature is that of a known cloud";
constexpr const char* no_operation = "the service has no operation with this path, target or action";
const std::string vm = "/compute/v1/projects/shop/zones/europe-west1-b/instances/vm1";

Sent google(std::string method, std::string host, std::string path, std::string body = "") {
  return Sent{std::move(method), std::move(host), std::move(path), {{"Content-Type", "application/json"}}, body, false};
}

std::vector<std::string> settings_of(const Operation& operation) {
  std::vector<std::string> all;
  if (operation.touched.empty() || operation.touched[0].candidates.empty()) return all;
  for (const auto& setting : operation.touched[0].candidates[0].settings)
    all.push_back(setting.attribute + "=" + setting.value.text);
  return all;
}

struct NameCase {
  const char *method, *host, *path, *wanted, *level;
};

TEST(Gcp, names_methods_by_host_and_path) {
  constexpr NameCase cases[] = {
      {"POST", "compute.googleapis.com", "/compute/v1/projects/p/zones/z/instances/i/setMetadata",
       "compute:instances.setMetadata", "write"},
      {"GET", "www.googleapis.com", "/compute/v1/projects/p/zones/z/instances", "compute:instances.list", "list"},
      {"GET", "compute.mtls.googleapis.com", "/compute/beta/projects/p/zones/z/instances/i", "compute:instances.get",
       "read"},
      {"PATCH", "storage.googleapis.com", "/storage/v1/b/logs", "storage:buckets.patch", "write"},
      {"PATCH", "www.googleapis.com", "/storage/v1/b/logs", "storage:buckets.patch", "write"},
      {"POST", "storage.googleapis.com", "/upload/storage/v1/b/logs/o?uploadType=media", "storage:objects.insert",
       "write"},
      {"POST", "cloudkms.googleapis.com", "/v1/projects/p/locations/l/keyRings?keyRingId=k",
       "cloudkms:projects.locations.keyRings.create", "write"},
      {"POST", "cloudkms.googleapis.com", "/v1/projects/p/locations/l/keyRings/k:setIamPolicy",
       "cloudkms:projects.locations.keyRings.setIamPolicy", "permissions"},
      {"GET", "cloudkms.googleapis.com", "/v1/projects/p/locations/l/keyRings/k:getIamPolicy",
       "cloudkms:projects.locations.keyRings.getIamPolicy", "read"},
      {"POST", "cloudresourcemanager.googleapis.com", "/v1/projects/p:getIamPolicy",
       "cloudresourcemanager:projects.getIamPolicy", "read"},
      {"POST", "pubsub.googleapis.com", "/v1/projects/p/topics/t:testIamPermissions",
       "pubsub:projects.topics.testIamPermissions", "read"},
      // "create" here is a word of the path, where others have a key's name.
      {"POST", "apigee.googleapis.com", "/v1/organizations/o/developers/d/apps/a/keys/create",
       "apigee:organizations.developers.apps.keys.create.create", "write"},
      {"POST", "apigee.googleapis.com", "/v1/organizations/o/developers/d/apps/a/keys/k",
       "apigee:organizations.developers.apps.keys.updateDeveloperAppKey", "write"},
      {"DELETE", "container.googleapis.com", "/v1/projects/p/locations/l/clusters/c",
       "container:projects.locations.clusters.delete", "write"},
      {"GET", "europe-west1-aiplatform.googleapis.com", "/v1/projects/p/locations/l/endpoints/e",
       "aiplatform:projects.locations.endpoints.get", "read"},
      {"GET", "compute-shop.p.googleapis.com", "/compute/v1/projects/p/zones/z/instances/i", "compute:instances.get",
       "read"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.method) + " " + c.path);
    const auto sent = google(c.method, c.host, c.path);
    EXPECT_EQ(sent.name(), c.wanted);
    EXPECT_EQ(word(sent.decoded().level), c.level);
  }
}

TEST(Gcp, leaves_others_alone) {
  EXPECT_EQ(google("GET", "shop.example.com", "/compute/v1/projects/p/zones/z/instances").name(), not_cloud);
  EXPECT_EQ(google("GET", "shop.example.com", "/v1/projects/p").with("User-Agent", "google-cloud-sdk").name(),
            not_cloud);
  EXPECT_EQ(google("GET", "googleapis.com.example.com", "/storage/v1/b/x").name(), not_cloud);
  EXPECT_EQ(google("GET", "compute.googleapis.com", "/compute/v1/none/of/it").name(), no_operation);
  // gcloud with its endpoints overridden.
  EXPECT_EQ(google("PATCH", "localhost:8080", "/storage/v1/b/logs")
                .with("User-Agent", "google-cloud-sdk gcloud/528.0.0")
                .name(),
            "storage:buckets.patch");
  EXPECT_EQ(google("POST", "shop.example.com", "/shop.Orders/Create").with("content-type", "application/grpc").name(),
            not_cloud);
}

/// As gcloud compute instances add-metadata sends it.
TEST(Gcp, set_metadata_replaces_the_map) {
  const Operation operation =
      google("POST", "compute.googleapis.com", vm + "/setMetadata",
             R"({"fingerprint":"x","items":[{"key":"zone","value":"eu"},{"key":"a","value":"b"}]})")
          .decoded(200, R"({"name":"operation-1","operationType":"setMetadata","status":"RUNNING"})");
  EXPECT_EQ(word(operation.semantics), "replace");
  EXPECT_EQ(operation.account, "shop");
  EXPECT_EQ(operation.region, "europe-west1-b");
  ASSERT_EQ(operation.touched.size(), 1u);
  EXPECT_EQ(operation.touched[0].type, "compute.googleapis.com/Instance");
  EXPECT_THAT(operation.touched[0].ids,
              ElementsAre("projects/shop/zones/europe-west1-b/instances/vm1", "https://compute.googleapis.com" + vm,
                          "https://www.googleapis.com" + vm,
                          "//compute.googleapis.com/projects/shop/zones/europe-west1-b/instances/vm1", "vm1"));
  EXPECT_EQ(operation.touched[0].candidates[0].iac_type, "google_compute_instance");
  EXPECT_THAT(settings_of(operation), ElementsAre("metadata.zone=eu", "metadata.a=b"));
}

TEST(Gcp, a_patch_sets_attributes_of_terraform) {
  const Operation operation =
      google("PATCH", "storage.googleapis.com", "/storage/v1/b/logs?alt=json",
             R"({"labels":{"envName":"prod"},"encryption":{"defaultKmsKeyName":"k"},"defaultEventBasedHold":true})")
          .decoded(200, R"({"name":"logs"})");
  EXPECT_EQ(word(operation.semantics), "merge");
  EXPECT_EQ(operation.touched[0].type, "storage.googleapis.com/Bucket");
  EXPECT_THAT(operation.touched[0].ids, Contains("logs"));
  EXPECT_THAT(operation.touched[0].ids, Contains("https://www.googleapis.com/storage/v1/b/logs"));
  EXPECT_EQ(operation.touched[0].candidates[0].iac_type, "google_storage_bucket");
  EXPECT_THAT(settings_of(operation),
              ElementsAre("labels.envName=prod", "encryption.default_kms_key_name=k", "default_event_based_hold=true"));
}

/// Keys of users' maps are their own, wherever the map stands; the API's names above and beside them are not.
TEST(Gcp, keys_of_maps_stay_as_they_are) {
  const auto attributes = [](const char* method, const char* api, const char* path, const char* body) {
    std::vector<std::string> all;
    const baseline::KeyedHash hash{std::array<std::byte, 32>{}};
    const SecretPrints prints{{&hash}};  // without, a secret map is one value
    const auto sent = google(method, std::string(api) + ".googleapis.com", path, body);
    const auto views = sent.fields();
    const auto operation =
        decode({{sent.method, sent.host, sent.path, views}, sent.body, false, &prints}, {200, {}, "{}", false});
    if (operation.touched.empty() || operation.touched[0].candidates.empty()) return all;
    for (const auto& setting : operation.touched[0].candidates[0].settings) all.push_back(setting.attribute);
    return all;
  };
  EXPECT_THAT(attributes("PATCH", "cloudfunctions", "/v1/projects/p/locations/l/functions/f",
                         R"({"environmentVariables":{"DBPASS":"x"},"buildEnvironmentVariables":{"aB":"x"},)"
                         R"("availableMemoryMb":256,"labels":{"envName":"x"}})"),
              ElementsAre("environment_variables.DBPASS", "build_environment_variables.aB", "available_memory_mb",
                          "labels.envName"));
  EXPECT_THAT(attributes("PATCH", "cloudfunctions", "/v2/projects/p/locations/l/functions/f",
                         R"({"serviceConfig":{"environmentVariables":{"DBPASS":"x"},"maxInstanceCount":3}})"),
              ElementsAre("service_config.environment_variables.DBPASS", "service_config.max_instance_count"));
  EXPECT_THAT(
      attributes("PATCH", "sqladmin", "/v1/projects/p/instances/db",
                 R"({"settings":{"userLabels":{"costCenter":"x","a.B":"x"},"activationPolicy":"ALWAYS"}})"),
      ElementsAre("settings.user_labels.costCenter", R"(settings.user_labels.a\.B)", "settings.activation_policy"));
  EXPECT_THAT(attributes("PUT", "container", "/v1/projects/p/locations/l/clusters/c",
                         R"({"resourceLabels":{"teamName":"x"},"nodeConfig":{"labels":{"nodeRole":"x"},)"
                         R"("machineType":"e2","metadata":{"someKey":"x"}}})"),
              ElementsAre("resource_labels.teamName", "node_config.labels.nodeRole", "node_config.machine_type",
                          "node_config.metadata.someKey"));
  EXPECT_THAT(attributes("PATCH", "run", "/v2/projects/p/locations/l/services/s",
                         R"({"template":{"annotations":{"myKey/aB":"x"},"serviceAccount":"x"}})"),
              ElementsAre("template.annotations.myKey/aB", "template.service_account"));
}

TEST(Gcp, names_what_is_created) {
  const auto ids = [](const Operation& operation) { return operation.touched.at(0).ids.at(0); };
  EXPECT_EQ(
      ids(google("POST", "cloudkms.googleapis.com", "/v1/projects/p/locations/l/keyRings?keyRingId=k&requestId=r", "{}")
              .decoded(200)),
      "projects/p/locations/l/keyRings/k");
  const auto bucket =
      google("POST", "storage.googleapis.com", "/storage/v1/b?project=p", R"({"name":"logs"})").decoded(200);
  EXPECT_EQ(ids(bucket), "b/logs");
  EXPECT_EQ(bucket.account, "p");
  EXPECT_FALSE(bucket.touched[0].from_answer);
  const auto answered = google("POST", "dns.googleapis.com", "/dns/v1/projects/p/managedZones", "{}")
                            .decoded(200, R"({"name":"zone-7"})");
  EXPECT_EQ(ids(answered), "projects/p/managedZones/zone-7");
  EXPECT_TRUE(answered.touched[0].from_answer);
}

/// Hard case: no path and no body that could be read, only the routing header.
TEST(Gcp, a_grpc_call_known_by_its_routing_header) {
  const Operation operation =
      Sent{"POST",
           "cloudkms.googleapis.com:443",
           "/google.cloud.kms.v1.KeyManagementService/UpdateCryptoKey",
           {{"content-type", "application/grpc"},
            {"x-goog-request-params", "crypto_key.name=projects%2Fp%2Flocations%2Fl%2FkeyRings%2Fk%2FcryptoKeys%2Fc"}},
           std::string("\0\0\0\0\5abcde", 10),
           false}
          .decoded(200, "", {{"grpc-status", "0"}});
  EXPECT_EQ(operation.service + ":" + operation.operation, "cloudkms:projects.locations.keyRings.cryptoKeys.patch");
  EXPECT_EQ(word(operation.semantics), "merge");
  EXPECT_EQ(word(operation.outcome), "succeeded");
  EXPECT_EQ(operation.account, "p");
  EXPECT_EQ(operation.touched.at(0).type, "cloudkms.googleapis.com/CryptoKey");
  EXPECT_THAT(operation.touched[0].ids, ElementsAre("projects/p/locations/l/keyRings/k/cryptoKeys/c"));
  EXPECT_EQ(operation.touched[0].candidates.at(0).iac_type, "google_kms_crypto_key");
  const auto unknown = Sent{"POST",
                            "cloudkms.googleapis.com",
                            "/google.cloud.kms.v1.KeyManagementService/DoNothingKnown",
                            {{"content-type", "application/grpc"}},
                            "",
                            false};
  EXPECT_EQ(unknown.name(), "cloudkms:KeyManagementService.DoNothingKnown");
  EXPECT_EQ(word(unknown.decoded(200, "", {{"grpc-status", "7"}}).outcome), "denied");
}

TEST(Gcp, dry_runs_refusals_and_secrets) {
  const auto cluster =
      google("POST", "datamigration.googleapis.com",
             "/v1/projects/p/locations/l/connectionProfiles?connectionProfileId=c&validateOnly=true", "{}");
  EXPECT_EQ(word(cluster.decoded(200).outcome), "dry_run");
  const auto job =
      google("POST", "run.googleapis.com", "/apis/run.googleapis.com/v1/namespaces/p/jobs?dryRun=all", "{}");
  EXPECT_EQ(word(job.decoded(200).outcome), "dry_run");
  const Operation denied = google("DELETE", "compute.googleapis.com", vm)
                               .decoded(403, R"({"error":{"code":403,"status":"PERMISSION_DENIED"}})");
  EXPECT_EQ(word(denied.outcome), "denied");
  EXPECT_EQ(denied.error_code, "PERMISSION_DENIED");
  EXPECT_EQ(word(denied.semantics), "remove");
  const Operation user = google("POST", "sqladmin.googleapis.com", "/v1/projects/p/instances/db/users",
                                R"({"name":"jo","password":"canary"})")
                             .decoded(200);
  EXPECT_EQ(user.operation, "users.insert");
  EXPECT_THAT(to_json(user), Not(HasSubstr("canary")));
  const Operation version = google("POST", "secretmanager.googleapis.com", "/v1/projects/p/secrets/s:addVersion",
                                   R"({"payload":{"data":"Y2FuYXJ5"}})")
                                .decoded(200);
  EXPECT_EQ(version.operation, "projects.secrets.addVersion");
  EXPECT_THAT(to_json(version), Not(HasSubstr("Y2FuYXJ5")));
}

TEST(Gcp, reads_a_path_with_needless_escapes) {
  EXPECT_EQ(google("DELETE", "compute.googleapis.com", "/compute/v1/projects/p/%7Aones/z/instance%73/i").name(),
            "compute:instances.delete");
}

TEST(Gcp, is_not_hidden_by_a_signature_of_aws) {
  EXPECT_EQ(google("DELETE", "compute.googleapis.com",
                   vm + "?access_token=x&X-Amz-Credential=AKIAQ3EGVTNLQBZXABCD/20261123/eu-west-1/s3/aws4_request")
                .name(),
            "compute:instances.delete");
}

}  // namespace
}  // namespace plumbline::cloud
