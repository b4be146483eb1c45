#include "baseline/source/pulumi_provider.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "baseline/source/json_members.hpp"
#include "baseline/source/kubernetes_names.hpp"
#include "baseline/source/name_parts.hpp"
#include "baseline/value/attributes.hpp"
#include "baseline/value/sensitive.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::object;
using Names = std::span<const std::string_view>;

constexpr std::size_t longest_id = 2048;  // an ARN has at most 2048 characters; an URL that is longer names nothing

struct OfType {
  std::string_view type;
  std::string_view name;
};

constexpr std::string_view secret_everywhere[] = {
    "environment",    "environmentVariables",  "containerDefinitions", "customData",       "userData",
    "userDataBase64", "metadataStartupScript", "startupScript",        "connectionString", "appSettings",
};
// Parts of tokens, since one resource has several: aws:ssm/parameter:Parameter, aws-native:ssm:Parameter.
constexpr OfType secret_of_type[] = {
    {"aws:ssm/parameter:Parameter", "value"},
    {"aws:ssm/parameter:Parameter", "insecureValue"},
    {"aws-native:ssm:Parameter", "value"},
    {"aws:secretsmanager/secretVersion:SecretVersion", "secretString"},
    {"aws:secretsmanager/secretVersion:SecretVersion", "secretBinary"},
    {"aws-native:secretsmanager:Secret", "secretString"},
    {"aws:cloudformation/stack:Stack", "parameters"},
    {"gcp:secretmanager/secretVersion:SecretVersion", "secretData"},
    {"azure:keyvault/secret:Secret", "value"},
    {"azure-native:keyvault:Secret", "properties"},
    {"command:local:Command", "create"},
    {"command:local:Command", "update"},
    {"command:local:Command", "delete"},
    {"command:local:Command", "stdin"},
    {"command:remote:Command", "create"},
    {"command:remote:Command", "update"},
    {"command:remote:Command", "delete"},
    {"command:remote:Command", "stdin"},
    {"github:index/actionsSecret:ActionsSecret", "plaintextValue"},
    {"kubernetes:core/v1:Secret", "data"},
    {"kubernetes:core/v1:Secret", "stringData"},
    {"kubernetes:helm.sh/v3:Release", "values"},
    {"kubernetes:helm.sh/v4:Chart", "values"},
    {"local:index/file:File", "sensitiveContent"},
    {"local:index/sensitiveFile:SensitiveFile", "content"},
    {"local:index/sensitiveFile:SensitiveFile", "contentBase64"},
    {"random:index/randomPassword:RandomPassword", "keepers"},
    {"vault:generic/secret:Secret", "dataJson"},
    {"vault:kv/secretV2:SecretV2", "dataJson"},
};

// The same names as for Terraform, whose providers most of these are (terraform_provider.cpp).
constexpr std::string_view ids_aws[] = {"arn", "name", "uniqueId", "url", "fqdn", "repositoryUrl", "qualifiedArn"};
constexpr std::string_view ids_google[] = {"selfLink", "selfLinkUnique", "name", "uniqueId", "email", "uri"};
constexpr std::string_view ids_azurerm[] = {"name", "fqdn", "objectId", "clientId", "vaultUri"};
constexpr std::string_view ids_others[] = {"arn", "selfLink", "name", "fqdn", "uid"};
constexpr OfType ids_of_type[] = {
    {"aws:cloudfront/distribution:Distribution", "domainName"},
    {"aws:rds/instance:Instance", "identifier"},
    {"aws:rds/instance:Instance", "resourceId"},
    {"aws:rds/cluster:Cluster", "clusterResourceId"},
    {"aws:opensearch/domain:Domain", "domainName"},
};

constexpr std::string_view providers_of_values[] = {"random",  "tls", "command", "null",   "time", "local",
                                                    "archive", "std", "pulumi",  "synced", "http", "cloudinit"};

void add_id(std::string_view id, Resource& resource) {
  if (is_printable_name(id) && id.size() <= longest_id && !looks_sensitive(id) &&
      std::find(resource.ids.begin(), resource.ids.end(), id) == resource.ids.end())
    resource.ids.emplace_back(id);
}

/// The provider's own ids are "shop/web", whatever the kind. These are kubernetes_objects.hpp's.
void identify_kubernetes(const object& outputs, Resource& resource) {
  const auto api_version = text_member(outputs, "apiVersion"), kind = text_member(outputs, "kind");
  object metadata;
  if (api_version.empty() || kind.empty() || !is_object(outputs["metadata"], metadata)) return;
  const auto space = text_member(metadata, "namespace"), name = text_member(metadata, "name");
  if (name.empty()) return;
  const auto slash = api_version.find('/');
  const auto group = slash == std::string_view::npos ? std::string_view() : api_version.substr(0, slash);
  const auto version = slash == std::string_view::npos ? api_version : api_version.substr(slash + 1);
  if (!space.empty() || scope_of_kind(group, kind) != KindScope::namespaced)
    add_id(rest_path(group, version, plural_of_kind(kind), space, name), resource);
  add_id(object_key(group, kind, space, name), resource);
  add_id(text_member(metadata, "uid"), resource);
}

void place_resource(std::string_view id, const object& outputs, const PulumiPlace& of_provider, Resource& resource) {
  std::string_view region, account;
  if (resource.provider == "aws") {
    const auto arn = first_of({text_member(outputs, "arn"), id});
    region = first_of({arn_part(arn, arn_region), text_member(outputs, "region")});
    account =
        first_of({arn_part(arn, arn_account), text_member(outputs, "accountId"), text_member(outputs, "ownerId")});
  } else if (resource.provider == "google") {
    const auto link = first_of({text_member(outputs, "selfLink"), id});
    account = first_of({text_member(outputs, "project"), part_after(link, "projects")});
    region = last_part(
        first_of({text_member(outputs, "region"), text_member(outputs, "location"), text_member(outputs, "zone"),
                  part_after(link, "regions"), part_after(link, "zones"), part_after(link, "locations")}));
  } else if (resource.provider == "azurerm") {
    account = part_after(id, "subscriptions");
    region = text_member(outputs, "location");
  } else {
    region = text_member(outputs, "region");
  }
  // An ARN without a region is that of a global thing (IAM) or of a bucket, whose region is then the provider's.
  resource.region = first_of({region, of_provider.region});
  resource.account = first_of({account, of_provider.account});
}

/// One element of a property path.
struct Element {
  std::string name;
  bool is_name = true;  ///< no list index, no wildcard
};

/// The element in brackets that starts at `at`, which is behind it then.
std::optional<Element> bracketed(std::string_view path, std::size_t& at) {
  if (at + 1 < path.size() && path[at + 1] == '"') {
    Element element;
    for (at += 2; at < path.size() && path[at] != '"'; ++at) {
      if (path[at] == '\\' && at + 1 < path.size() && path[at + 1] == '"') ++at;
      element.name += path[at];
    }
    if (at + 1 >= path.size() || path[at + 1] != ']') return std::nullopt;
    at += 2;
    element.is_name = element.name != "*";
    return element;
  }
  const auto end = path.find(']', at);
  if (end == std::string_view::npos) return std::nullopt;
  const auto index = path.substr(at + 1, end - at - 1);
  at = end + 1;
  const bool digits =
      !index.empty() && std::all_of(index.begin(), index.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits && index != "*") return std::nullopt;
  return Element{"", false};
}

}  // namespace

std::string pulumi_provider_name(std::string_view type) {
  const auto name = type.substr(0, type.find(':'));
  if (name.size() == type.size() || name.size() > 64) return "";
  for (const char c : name)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
      return "";
  if (name == "gcp" || name == "google-native") return "google";
  if (name == "azure" || name == "azure-native") return "azurerm";
  if (name == "aws-native") return "aws";
  return std::string(name);
}

bool is_pulumi_provider_of_values(std::string_view provider) {
  return std::find(std::begin(providers_of_values), std::end(providers_of_values), provider) !=
         std::end(providers_of_values);
}

void append_pulumi_always_sensitive(std::string_view type, std::vector<std::string>& out) {
  out.insert(out.end(), std::begin(secret_everywhere), std::end(secret_everywhere));
  for (const auto& entry : secret_of_type)
    if (entry.type == type) out.emplace_back(entry.name);
}

void append_pulumi_computed(std::vector<std::string>& out) {
  // The provider's own default tags, merged into what the program set.
  out.emplace_back("tagsAll");
}

PulumiPlace pulumi_place(std::string_view provider, object inputs) {
  PulumiPlace place;
  place.region =
      first_of({text_member(inputs, "region"), text_member(inputs, "location"), text_member(inputs, "zone")});
  place.account = provider == "google" ? text_member(inputs, "project") : text_member(inputs, "subscriptionId");
  return place;
}

void identify_pulumi(std::string_view id, object outputs, const std::vector<std::string>& secret_outputs,
                     const PulumiPlace& place, Resource& resource) {
  resource.ids.clear();
  resource.region.clear();
  resource.account.clear();
  if (is_pulumi_provider_of_values(resource.provider)) return;
  place_resource(id, outputs, place, resource);
  if (resource.provider == "kubernetes") return identify_kubernetes(outputs, resource);
  const auto add = [&](std::string_view name) {
    if (std::find(secret_outputs.begin(), secret_outputs.end(), name) == secret_outputs.end())
      add_id(text_member(outputs, name), resource);
  };
  add_id(id, resource);
  const Names names = resource.provider == "aws"       ? Names(ids_aws)
                      : resource.provider == "google"  ? Names(ids_google)
                      : resource.provider == "azurerm" ? Names(ids_azurerm)
                                                       : Names(ids_others);
  for (const auto name : names) add(name);
  for (const auto& entry : ids_of_type)
    if (entry.type == resource.type) add(entry.name);
}

std::optional<std::string> pulumi_property_path(std::string_view path) {
  if (path.starts_with('.')) return std::nullopt;
  std::string result;
  std::size_t at = 0;
  while (at < path.size()) {
    Element element;
    if (path[at] == '[') {
      auto parsed = bracketed(path, at);
      if (!parsed) return std::nullopt;
      element = std::move(*parsed);
    } else {
      if (path[at] == '.') ++at;
      const auto end = std::min(path.find_first_of(".[", at), path.size());
      if (end == at && (at == path.size() || path[at] == '.')) return std::nullopt;
      if (end == at) continue;  // ".[": Pulumi takes it, too
      element.name = path.substr(at, end - at);
      element.is_name = element.name != "*";
      at = end;
    }
    if (!element.is_name) return result;
    result += (result.empty() ? "" : ".") + path_part(element.name);
  }
  if (result.empty()) return std::nullopt;
  return result;
}

}  // namespace plumbline::baseline
