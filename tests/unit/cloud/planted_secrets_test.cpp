// A canary in each field of Azure's and Google's requests that is a secret: it is nowhere in what is made of the call.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/body/secret_prints.hpp"
#include "tests/unit/cloud/exchange.hpp"

namespace plumbline::cloud {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string group = "/subscriptions/8f3d1a52-0000-4000-8000-000000000001/resourceGroups/rg/providers/";

struct Planted {
  std::string method, path, body;
};

bool has_canary(const Value& value) {
  const auto in = [](const std::string& text) { return text.find("canary") != std::string::npos; };
  if (in(value.text)) return true;
  for (const auto& item : value.items)
    if (has_canary(item)) return true;
  for (const auto& member : value.members)
    if (in(member.name) || has_canary(member.value)) return true;
  return false;
}

/// All that comparison, output and spool are made of: the tree, each setting, the line of JSON.
void expect_none(const Sent& sent, const SecretPrints* prints) {
  const auto views = sent.fields();
  const Request request{{sent.method, sent.host, sent.path, views}, sent.body, sent.body_cut, prints};
  const Operation operation = decode(request, {200, {}, "{}", false});
  ASSERT_EQ(operation.unmapped, Unmapped::no);
  EXPECT_FALSE(has_canary(operation.parameters));
  EXPECT_THAT(to_json(operation), Not(HasSubstr("canary")));
  EXPECT_THAT(to_json(operation), HasSubstr("sensitive"));
  for (const auto& touched : operation.touched)
    for (const auto& candidate : touched.candidates)
      for (const auto& setting : candidate.settings) {
        EXPECT_FALSE(has_canary(setting.value)) << setting.attribute;
        EXPECT_THAT(setting_json(setting.value).value_or(""), Not(HasSubstr("canary")));
      }
}

void expect_none(const Sent& sent) {
  const baseline::KeyedHash key{std::array<std::byte, 32>{}};
  const SecretPrints prints{{&key}};
  SCOPED_TRACE(sent.method + " " + sent.path + " " + sent.body);
  expect_none(sent, nullptr);
  expect_none(sent, &prints);
}

Sent arm(const Planted& p) {
  return {p.method, "management.azure.com", p.path + "?api-version=2024-07-01", {}, p.body, false};
}

const std::vector<Planted>& of_azure() {
  static const std::vector<Planted> all = {
      {"PUT", group + "Microsoft.ApiManagement/service/s/namedValues/n",
       R"({"properties":{"displayName":"n","value":"canary","secret":true}})"},
      {"PATCH", group + "Microsoft.ApiManagement/service/s/namedValues/n", R"({"properties":{"value":"canary"}})"},
      {"PUT", group + "Microsoft.ApiManagement/service/s/certificates/c", R"({"properties":{"data":"canary"}})"},
      {"PUT", group + "Microsoft.Automation/automationAccounts/a/variables/v",
       R"({"name":"v","properties":{"value":"\"canary\"","isEncrypted":true}})"},
      {"PUT", group + "Microsoft.Automation/automationAccounts/a/certificates/c",
       R"({"name":"c","properties":{"base64Value":"canary","isExportable":false}})"},
      {"PUT", group + "Microsoft.Automation/automationAccounts/a/connections/c",
       R"({"properties":{"fieldDefinitionValues":{"AppId":"canary"}}})"},
      {"PUT", group + "Microsoft.Web/certificates/c", R"({"properties":{"pfxBlob":"canary","password":"canary"}})"},
      {"PUT", group + "Microsoft.ContainerInstance/containerGroups/g",
       R"({"properties":{"containers":[{"name":"c","properties":{"environmentVariables":[)"
       R"({"name":"A","secureValue":"canary"},{"name":"B","value":"canary"}]}}]}})"},
      {"PUT", group + "Microsoft.App/containerApps/a",
       R"({"properties":{"template":{"containers":[{"env":[{"name":"A","value":"canary"}]}]}}})"},
      {"PUT", group + "Microsoft.Web/sites/a",
       R"({"properties":{"siteConfig":{"appSettings":[{"name":"A","value":"canary"}]}}})"},
      {"PUT", group + "Microsoft.Web/staticSites/a/config/functionappsettings", R"({"properties":{"A":"canary"}})"},
      {"PUT", group + "Microsoft.Web/sites/a/config/azurestorageaccounts",
       R"({"properties":{"m":{"type":"AzureFiles","accessKey":"canary"}}})"},
      {"PUT", group + "Microsoft.Web/sites/a/functions/f/keys/k", R"({"properties":{"name":"k","value":"canary"}})"},
      {"PUT", group + "Microsoft.Web/sites/a/host/default/functionkeys/k", R"({"properties":{"value":"canary"}})"},
      {"PUT", group + "Microsoft.Web/sites/a/host/default/systemkeys/k", R"({"properties":{"value":"canary"}})"},
      {"PUT", group + "Microsoft.Web/sites/a", R"({"properties":{"hostKey":"canary","workspaceKey":"canary"}})"},
      {"PUT", group + "Microsoft.Compute/virtualMachines/v/extensions/e",
       R"({"properties":{"type":"CustomScript","protectedSettings":{"commandToExecute":"canary"}}})"},
      {"PUT", group + "Microsoft.Compute/virtualMachines/v/runCommands/r",
       R"({"properties":{"source":{"script":"canary"},"parameters":[{"name":"a","value":"canary"}],)"
       R"("protectedParameters":[{"name":"b","value":"canary"}]}})"},
      {"POST", group + "Microsoft.Compute/virtualMachines/v/runCommand",
       R"({"commandId":"RunShellScript","script":["canary"],"parameters":[{"name":"a","value":"canary"}]})"},
      {"PUT", group + "Microsoft.Network/connections/c/sharedkey", R"({"value":"canary"})"},
      {"PUT", group + "Microsoft.Network/applicationGateways/g",
       R"({"properties":{"sslCertificates":[{"name":"c","properties":{"data":"canary","password":"canary"}}]}})"},
      {"PUT", group + "Microsoft.Resources/deployments/d",
       R"({"properties":{"parameters":{"db":{"value":"canary"},"o":{"value":{"a":"canary"}}},"template":{"parameters":)"
       R"({"db":{"type":"SecureString","defaultValue":"canary"},"o":{"type":"secureObject"}},"resources":[]}}})"},
      {"PUT", group + "Microsoft.Resources/deployments/d",
       R"({"properties":{"parameters":{"db":{"value":"canary"}},"templateLink":{"uri":"https://x.example/t.json"}}})"},
      {"PUT", group + "Microsoft.Resources/deployments/d",
       R"({"properties":{"template":{"resources":[{"type":"Microsoft.KeyVault/vaults","resources":[{"type":"secrets",)"
       R"("name":"s","properties":{"value":"canary"}}]},{"type":"Microsoft.Web/sites/config","name":)"
       R"("[concat(parameters('site'), '/appsettings')]","properties":{"A":"canary"}}]}}})"},
      {"PUT", group + "Microsoft.DataFactory/factories/f/linkedservices/l",
       R"({"properties":{"typeProperties":{"x":{"type":"SecureString","value":"canary"}}}})"},
      {"PUT", group + "Microsoft.EventGrid/topics/t/eventSubscriptions/e",
       R"({"properties":{"m":[{"name":"a","properties":{"value":"canary","isSecret":true}}]}})"},
      {"PUT", group + "Microsoft.ContainerRegistry/registries/r/webhooks/w",
       R"({"properties":{"serviceUri":"https://x.example/canary","customHeaders":{"X-A":"canary"}}})"},
      {"PUT", group + "Microsoft.KeyVault/vaults/v/secrets/s", R"({"properties":{"value":"canary"}})"},
  };
  return all;
}

TEST(PlantedSecrets, of_azure) {
  for (const auto& planted : of_azure()) expect_none(arm(planted));
}

TEST(PlantedSecrets, of_azure_in_a_batch) {
  for (const auto& one : of_azure())
    expect_none(arm({"POST", "/batch",
                     R"({"requests":[{"httpMethod":")" + one.method + R"(","relativeUrl":")" + one.path +
                         R"(?api-version=1","headers":{"x-a":"canary"},"content":)" + one.body + "}]}"}));
  expect_none(arm({"POST", "/batch", R"({"requests":[{"httpMethod":"PUT","content":{"a":"canary"}}]})"}));
  expect_none(arm({"POST", "/batch",
                   R"({"requests":[{"httpMethod":"PUT","relativeUrl":")" + group +
                       R"(Microsoft.Web/sites/a","content":"{\"a\":\"canary\"}"}]})"}));
}

/// What marks the value may be behind the cut.
TEST(PlantedSecrets, of_azure_in_a_body_that_is_cut) {
  auto sent = arm({"PUT", group + "Microsoft.EventGrid/topics/t/eventSubscriptions/e",
                   R"({"properties":{"m":{"name":"a","properties":{"value":"canary","isSec)"});
  sent.body_cut = true;
  expect_none(sent);
}

TEST(PlantedSecrets, what_azure_marks_as_none_stays) {
  const auto line = [](std::string type, std::string body) {
    return to_json(arm({"PUT", group + std::move(type), std::move(body)}).decoded(200));
  };
  EXPECT_THAT(
      line("Microsoft.ApiManagement/service/s/namedValues/n", R"({"properties":{"value":"v1","secret":false}})"),
      HasSubstr("\"v1\""));
  EXPECT_THAT(line("Microsoft.Automation/automationAccounts/a/variables/v",
                   R"({"properties":{"value":"v2","isEncrypted":false}})"),
              HasSubstr("\"v2\""));
  EXPECT_THAT(line("Microsoft.Resources/deployments/d",
                   R"({"properties":{"parameters":{"size":{"value":"v3"}},"template":{"parameters":)"
                   R"({"size":{"type":"string"}}}}})"),
              HasSubstr("\"v3\""));
  EXPECT_THAT(line("Microsoft.Compute/virtualMachines/v",
                   R"({"tags":{"costKey":"v4"},"properties":{"securityProfile":{"uefiSettings":)"
                   R"({"secureBootEnabled":true}},"x":{"key":"v5"}}})"),
              testing::AllOf(HasSubstr("\"v4\""), HasSubstr("\"v5\""), HasSubstr("\"secureBootEnabled\":true")));
  EXPECT_THAT(line("Microsoft.Web/sites/a/config/web", R"({"properties":{"linuxFxVersion":"v6"}})"),
              HasSubstr("\"v6\""));
}

struct PlantedInGoogle {
  const char *method, *host, *path, *body;
};

TEST(PlantedSecrets, of_google) {
  constexpr PlantedInGoogle all[] = {
      {"PATCH", "cloudscheduler", "/v1/projects/p/locations/l/jobs/j",
       R"({"httpTarget":{"uri":"https://x.example","body":"canary","headers":{"X-Api":"canary"}}})"},
      {"PATCH", "cloudscheduler", "/v1/projects/p/locations/l/jobs/j",
       R"({"pubsubTarget":{"topicName":"t","data":"canary","attributes":{"a":"canary"}}})"},
      {"POST", "cloudtasks", "/v2/projects/p/locations/l/queues/q/tasks",
       R"({"task":{"httpRequest":{"body":"canary","headers":{"X-A":"canary"}}}})"},
      {"PATCH", "cloudfunctions", "/v2/projects/p/locations/l/functions/f",
       R"({"serviceConfig":{"environmentVariables":{"A":"canary"}},)"
       R"("buildConfig":{"environmentVariables":{"B":"canary"}}})"},
      {"PATCH", "cloudfunctions", "/v1/projects/p/locations/l/functions/f",
       R"({"environmentVariables":{"A":"canary"},"buildEnvironmentVariables":{"B":"canary"}})"},
      {"PATCH", "run", "/v2/projects/p/locations/l/services/s",
       R"({"template":{"containers":[{"env":[{"name":"A","value":"canary"}]}]}})"},
      {"POST", "batch", "/v1/projects/p/locations/l/jobs",
       R"({"taskGroups":[{"taskSpec":{"environment":{"variables":{"A":"canary"}}}}]})"},
      {"POST", "cloudbuild", "/v1/projects/p/triggers", R"({"build":{"steps":[{"env":["A=canary"]}]}})"},
      {"POST", "composer", "/v1/projects/p/locations/l/environments",
       R"({"config":{"softwareConfig":{"envVariables":{"A":"canary"}}}})"},
      {"PATCH", "workflows", "/v1/projects/p/locations/l/workflows/w", R"({"userEnvVars":{"A":"canary"}})"},
      {"POST", "workflowexecutions", "/v1/projects/p/locations/l/workflows/w/executions", R"({"argument":"canary"})"},
      {"POST", "compute", "/compute/v1/projects/p/zones/z/instances",
       R"({"name":"i","metadata":{"items":[{"key":"startup-script","value":"canary"},)"
       R"({"key":"windows-startup-script-ps1","value":"canary"},{"key":"kube-env","value":"canary"},)"
       R"({"key":"shutdown-script","value":"canary"},{"key":"user-data","value":"canary"}]}})"},
      {"POST", "compute", "/compute/v1/projects/p/zones/z/instances/i/setMetadata",
       R"({"items":[{"key":"startup-script","value":"canary"}]})"},
      {"POST", "container", "/v1/projects/p/locations/l/clusters",
       R"({"cluster":{"nodeConfig":{"metadata":{"configure-sh":"canary"}}}})"},
      {"POST", "compute", "/compute/v1/projects/p/regions/r/vpnTunnels", R"({"name":"t","sharedSecret":"canary"})"},
      {"PATCH", "compute", "/compute/v1/projects/p/regions/r/routers/r",
       R"({"md5AuthenticationKeys":[{"name":"k","key":"canary"}]})"},
      {"POST", "compute", "/compute/v1/projects/p/zones/z/disks", R"({"diskEncryptionKey":{"rawKey":"canary"}})"},
      {"POST", "iam", "/v1/projects/p/serviceAccounts/s/keys:upload",
       R"({"privateKeyData":"canary","token":"canary"})"},
      {"POST", "secretmanager", "/v1/projects/p/secrets/s:addVersion", R"({"payload":{"data":"canary"}})"},
      {"POST", "monitoring", "/v3/projects/p/notificationChannels",
       R"({"type":"x","sensitiveLabels":{"a":"canary"},"labels":{"auth_token":"canary"}})"},
      {"POST", "monitoring", "/v3/projects/p/uptimeCheckConfigs",
       R"({"httpCheck":{"headers":{"X-A":"canary"},"body":"canary","authInfo":{"password":"canary"}}})"},
  };
  for (const auto& one : all)
    expect_none(Sent{one.method,
                     std::string(one.host) + ".googleapis.com",
                     one.path,
                     {{"Content-Type", "application/json"}},
                     one.body,
                     false});
}

TEST(PlantedSecrets, what_google_keeps_in_clear_stays) {
  const Operation operation =
      Sent{"POST",
           "compute.googleapis.com",
           "/compute/v1/projects/p/zones/z/instances",
           {},
           R"({"metadata":{"items":[{"key":"enable-oslogin","value":"v1"},{"key":"startup-script-url","value":"v2"}]},)"
           R"("labels":{"env":"v3"}})",
           false}
          .decoded(200);
  for (const auto wanted : {"\"v1\"", "\"v2\"", "\"v3\""}) EXPECT_THAT(to_json(operation), HasSubstr(wanted));
}

}  // namespace
}  // namespace plumbline::cloud
