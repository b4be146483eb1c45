#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/cloud/exchange.hpp"

namespace plumbline::cloud {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* not_cloud = "neither host nor signature is that of a known cloud";
constexpr const char* host = "management.azure.com";
const std::string group = "/subscriptions/8F3D1A52-0000-4000-8000-000000000001/resourceGroups/Shop-RG";
const std::string vm = group + "/providers/Microsoft.Compute/virtualMachines/Web1";

Sent arm(std::string method, std::string path, std::string body = "") {
  return Sent{std::move(method), host, std::move(path) + "?api-version=2024-07-01", {}, std::move(body), false};
}

struct NameCase {
  const char* method;
  std::string path;
  const char *wanted, *level;
};

TEST(Azure, names_operations_as_roles_do) {
  const NameCase cases[] = {
      {"PUT", vm, "Microsoft.Compute:virtualMachines/write", "write"},
      {"PATCH", vm, "Microsoft.Compute:virtualMachines/write", "write"},
      {"DELETE", vm, "Microsoft.Compute:virtualMachines/delete", "write"},
      {"GET", vm, "Microsoft.Compute:virtualMachines/read", "read"},
      {"GET", group + "/providers/Microsoft.Compute/virtualMachines", "Microsoft.Compute:virtualMachines/read", "list"},
      {"POST", vm + "/start", "Microsoft.Compute:virtualMachines/start/action", "write"},
      {"POST", group + "/providers/Microsoft.Storage/storageAccounts/a/listKeys",
       "Microsoft.Storage:storageAccounts/listKeys/action", "read"},
      {"PUT", group + "/providers/Microsoft.Network/virtualNetworks/v/subnets/s",
       "Microsoft.Network:virtualNetworks/subnets/write", "write"},
      {"PUT", vm + "/providers/Microsoft.Authorization/roleAssignments/8f3d1a52-0000-4000-8000-000000000009",
       "Microsoft.Authorization:roleAssignments/write", "permissions"},
      {"PUT", group, "Microsoft.Resources:subscriptions/resourceGroups/write", "write"},
      {"PUT", group + "/providers/Microsoft.Resources/tags/default", "Microsoft.Resources:tags/write", "tagging"},
      {"GET", "/subscriptions", "Microsoft.Resources:subscriptions/read", "list"},
      {"POST", "/subscriptions/8F3D1A52-0000-4000-8000-000000000001/providers/Microsoft.Web/register",
       "Microsoft.Web:register/action", "write"},
      {"POST", "/providers/Microsoft.ResourceGraph/resources", "Microsoft.ResourceGraph:resources/action", "read"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.method) + " " + c.path);
    EXPECT_EQ(arm(c.method, c.path).name(), c.wanted);
    EXPECT_EQ(word(arm(c.method, c.path).decoded().level), c.level);
  }
}

TEST(Azure, knows_its_hosts_and_its_paths) {
  Sent sent = arm("PATCH", vm);
  for (const auto name :
       {"management.chinacloudapi.cn", "management.usgovcloudapi.net:443", "Management.Azure.com",
        "westeurope.management.azure.com", "management.local.azurestack.external", "localhost:8080"}) {
    sent.host = name;
    EXPECT_EQ(sent.name(), "Microsoft.Compute:virtualMachines/write") << name;
  }
  EXPECT_EQ((Sent{"GET", "shop.example.com", "/subscriptions/7?api-version=2024-07-01", {}, "", false}.name()),
            not_cloud);
  EXPECT_EQ((Sent{"PATCH", "shop.example.com", vm, {}, "", false}.name()), not_cloud);
  EXPECT_EQ((Sent{"GET", "shop.example.com", "/providers/x.y/z", {}, "", false}.name()), not_cloud);
  EXPECT_EQ((Sent{"GET", "notmanagement.azure.com.example.com", "/subscriptions", {}, "", false}.name()), not_cloud);
}

/// Hard case: mixed case, an extension of an extension.
TEST(Azure, a_patch_with_mixed_case_and_two_providers) {
  const std::string path =
      "/Subscriptions/8F3D1A52-0000-4000-8000-000000000001/RESOURCEGROUPS/Shop-RG/Providers/"
      "Microsoft.Compute/virtualMachines/Web1/PROVIDERS/Microsoft.Insights/diagnosticSettings/Logs";
  const Operation operation = arm("PATCH", path, R"({"properties":{"logs":[]}})").decoded(200);
  EXPECT_EQ(operation.service + ":" + operation.operation, "Microsoft.Insights:diagnosticSettings/write");
  EXPECT_EQ(operation.account, "8f3d1a52-0000-4000-8000-000000000001");
  ASSERT_EQ(operation.touched.size(), 1u);
  EXPECT_EQ(operation.touched[0].type, "Microsoft.Insights/diagnosticSettings");
  EXPECT_THAT(operation.touched[0].ids,
              ElementsAre(path,
                          "/subscriptions/8f3d1a52-0000-4000-8000-000000000001/resourcegroups/shop-rg/providers/"
                          "microsoft.compute/virtualmachines/web1/providers/microsoft.insights/diagnosticsettings/"
                          "logs"));
  EXPECT_EQ(operation.touched[0].candidates[0].iac_type, "azurerm_monitor_diagnostic_setting");
}

TEST(Azure, tells_types_and_settings) {
  const Operation operation =
      arm("PUT", vm,
          R"({"location":"WestEurope","tags":{"env":"prod"},"properties":{"hardwareProfile":{"vmSize":"Standard_B2s"},)"
          R"("osProfile":{"linuxConfiguration":{},"adminPassword":"canary"},"licenseType":"None",)"
          R"("provisioningState":"Succeeded"}})")
          .decoded(202, "", {{"x-ms-request-id", "r"}, {"x-ms-correlation-request-id", "c"}});
  EXPECT_EQ(word(operation.semantics), "replace");
  EXPECT_EQ(word(operation.outcome), "succeeded");
  EXPECT_EQ(operation.region, "westeurope");
  EXPECT_EQ(operation.request_id, "c");
  EXPECT_THAT(to_json(operation), Not(HasSubstr("canary")));
  const auto& candidates = operation.touched[0].candidates;
  ASSERT_GE(candidates.size(), 3u);
  EXPECT_EQ(candidates[0].iac_type, "azurerm_linux_virtual_machine");
  EXPECT_EQ(candidates.back().iac_type, "azure-native:compute:VirtualMachine");
  std::vector<std::string> terraform, pulumi;
  for (const auto& setting : candidates[0].settings) terraform.push_back(setting.attribute + "=" + setting.value.text);
  for (const auto& setting : candidates.back().settings) pulumi.push_back(setting.attribute);
  EXPECT_THAT(terraform, ElementsAre("location=WestEurope", "tags.env=prod", "license_type=None"));
  EXPECT_THAT(pulumi, ElementsAre("location", "tags.env", "hardwareProfile.vmSize", "osProfile.linuxConfiguration",
                                  "osProfile.adminPassword", "licenseType"));
  EXPECT_EQ(arm("PUT", vm, R"({"properties":{"osProfile":{"windowsConfiguration":{}}}})")
                .decoded()
                .touched[0]
                .candidates[0]
                .iac_type,
            "azurerm_windows_virtual_machine");
}

TEST(Azure, whose_a_resource_is_tells_its_type) {
  const std::string subscription = "/subscriptions/8F3D1A52-0000-4000-8000-000000000001";
  const std::string policy = "/providers/Microsoft.Authorization/policyAssignments/p";
  const std::pair<std::string, const char*> cases[] = {
      {subscription + policy, "azurerm_subscription_policy_assignment"},
      {group + policy, "azurerm_resource_group_policy_assignment"},
      {vm + policy, "azurerm_resource_policy_assignment"},
      {"/providers/Microsoft.Management/managementGroups/m" + policy, "azurerm_management_group_policy_assignment"},
      {"/providers/Microsoft.Resources/deployments/d", "azurerm_tenant_template_deployment"},
      {subscription + "/providers/Microsoft.Authorization/policySetDefinitions/d", "azurerm_policy_set_definition"},
      {group + "/providers/Microsoft.Consumption/budgets/b", "azurerm_consumption_budget_resource_group"},
  };
  for (const auto& [path, wanted] : cases)
    EXPECT_EQ(arm("PUT", path).decoded().touched[0].candidates[0].iac_type, wanted) << path;
}

TEST(Azure, hides_settings_of_apps_and_secrets_of_vaults) {
  for (const auto& sent :
       {arm("PUT", group + "/providers/Microsoft.Web/sites/a/config/appsettings", R"({"properties":{"X":"canary"}})"),
        arm("PUT", group + "/providers/Microsoft.KeyVault/vaults/v/secrets/s",
            R"({"properties":{"value":"canary"}})")}) {
    EXPECT_THAT(to_json(sent.decoded(200)), Not(HasSubstr("canary"))) << sent.path;
    EXPECT_THAT(to_json(sent.decoded(200)), HasSubstr("sensitive"));
  }
}

TEST(Azure, refusals_dry_runs_and_batches) {
  const Operation denied = arm("DELETE", vm).decoded(403, R"({"error":{"code":"AuthorizationFailed"}})");
  EXPECT_EQ(word(denied.outcome), "denied");
  EXPECT_EQ(denied.error_code, "AuthorizationFailed");
  const auto what_if = group + "/providers/Microsoft.Resources/deployments/d/whatIf";
  EXPECT_EQ(word(arm("POST", what_if, "{}").decoded(200).outcome), "dry_run");
  const Operation batch =
      arm("POST", "/batch",
          R"({"requests":[{"httpMethod":"GET","relativeUrl":"/subscriptions/s"},{"httpMethod":"PUT","relativeUrl":")" +
              vm + R"(?api-version=2024-07-01","content":{"properties":{"licenseType":"None"}}}]})")
          .decoded(200);
  ASSERT_EQ(batch.touched.size(), 1u);
  EXPECT_EQ(batch.touched[0].ids[0], vm);
}

TEST(Azure, reads_a_path_with_needless_escapes) {
  const std::string rules = "/providers/Microsoft.Network/networkSecurityGroups/web";
  const auto wanted = arm("PUT", group + rules).decoded(200).touched.at(0);
  for (const std::string& path :
       {group + "/providers/Microsoft.Network/networkSecurityGroup%73/web",
        group + "/providers/%4Dicrosoft.Network/networkSecurityGroups/web",
        group + "/%70roviders/Microsoft.Network/networkSecurityGroups/%77eb",
        "/%73ubscriptions/8F3D1A52-0000-4000-8000-000000000001/resource%47roups/Shop-RG" + rules}) {
    SCOPED_TRACE(path);
    EXPECT_EQ(arm("PUT", path).name(), "Microsoft.Network:networkSecurityGroups/write");
    const Operation operation = arm("PUT", path).decoded(200);
    ASSERT_EQ(operation.touched.size(), 1U);
    EXPECT_EQ(operation.touched[0].type, wanted.type);
    EXPECT_EQ(operation.touched[0].ids, wanted.ids);
    EXPECT_EQ(operation.touched[0].candidates[0].iac_type, wanted.candidates[0].iac_type);
  }
  const Operation batch = arm("POST", "/batch",
                              R"({"requests":[{"httpMethod":"DELETE","relativeUrl":")" + group +
                                  R"(/%70roviders/Microsoft.Network/networkSecurityGroup%73/web"}]})")
                              .decoded(200);
  ASSERT_EQ(batch.touched.size(), 1U);
  EXPECT_EQ(batch.touched[0].ids, wanted.ids);
  // A slash within a name is none between names.
  EXPECT_EQ(arm("PUT", group + "/providers/Microsoft.Network/networkSecurityGroups/a%2Fb").name(),
            "Microsoft.Network:networkSecurityGroups/write");
}

}  // namespace
}  // namespace plumbline::cloud
