#include "cloud/azure/terraform_types.hpp"

#include <algorithm>
#include <array>

#include "cloud/azure/secret_names.hpp"
#include "cloud/table/tables.hpp"

namespace plumbline::cloud::azure {
namespace {

bool has(std::string_view text, std::string_view word) {
  return text.find(word) != std::string_view::npos;
}

/// As azurerm's names say whose a resource is: "resource_group", or "resource" where it is another resource's.
std::string_view scope_word(std::string_view scope) {
  if (scope.empty()) return "tenant";
  const ArmPath owner = parse_path("", scope);
  const auto is = [&](std::string_view type) { return equal_ignoring_case(types_alone(owner.types), type); };
  if (is("subscriptions")) return "subscription";
  if (is("subscriptions/resourceGroups")) return "resource_group";
  if (is("managementGroups")) return "management_group";
  return is("billingAccounts") ? "billing_account" : "resource";
}

/// "azurerm_subscription_policy_assignment" is a subscription's, and nobody else's.
int points_of_scope(std::string_view name, std::string_view scope) {
  for (const std::string_view word :
       {"tenant", "subscription", "resource_group", "management_group", "billing_account"})
    if (has(name, word)) return scope == word ? 2 : -1;
  if (name.starts_with("azurerm_resource_")) return scope == "resource" ? 2 : -1;
  return 0;
}

/// Small letters and digits alone: "blobevent" of "blob_event" and of "Blob Event".
std::string squashed(std::string_view text) {
  std::string out = lower(text);
  std::erase_if(out, [](char c) { return (c < 'a' || c > 'z') && (c < '0' || c > '9'); });
  return out;
}

/// What a resource says to be: members of the body that name a kind, and its own name, which is one of a few words
/// where a thing is there once (API Management's identityProviders/google).
std::vector<std::string> kinds_said(const ArmPath& path, const Value& body) {
  std::vector<std::string> said;
  const auto add = [&](std::string_view text) {
    if (text.size() >= 3 && text.size() <= 64) said.push_back(squashed(text));
  };
  const auto add_of = [&](const Value* value) {
    if (value != nullptr && value->kind == Value::Kind::text) add(value->text);
  };
  add_of(body.find({"kind"}));
  for (const std::string_view member : {"type", "kind", "endpointType", "channelName"})
    add_of(body.find({"properties", member}));
  add(path.types.substr(path.types.rfind('/') + 1));
  return said;
}

/// How well a name without what all have in common ("blob_event") fits what is said ("blobeventstrigger").
int points_of_kind(std::string_view own_part, const std::vector<std::string>& said) {
  const std::string own = squashed(own_part);
  if (own.size() < 3) return 0;
  int best = 0;
  for (const auto& kind : said) {
    if (kind == own) return 3;
    if (has(kind, own) || (kind.size() >= 3 && has(own, kind))) best = 2;
  }
  return best;
}

/// Of all names the same, up to a "_".
std::size_t common_prefix(const std::vector<std::string_view>& names) {
  std::size_t size = names.front().size();
  for (const auto name : names) {
    const auto [here, there] =
        std::mismatch(names.front().begin(), names.front().begin() + static_cast<long>(size), name.begin(), name.end());
    size = static_cast<std::size_t>(here - names.front().begin());
  }
  const auto end = names.front().substr(0, size).rfind('_');
  return end == std::string_view::npos ? 0 : end + 1;
}

/// Virtual machines and apps: which system they run on, and whether an app is one of functions.
int points_of_system(std::string_view name, const Value& body) {
  const Value* member = body.find({"kind"});
  const std::string kind = member != nullptr && member->text.size() <= 256 ? lower(member->text) : std::string();
  const bool runs_linux = body.find({"properties", "osProfile", "linuxConfiguration"}) != nullptr || has(kind, "linux");
  // App Service's kind names Linux; without it an app ("app", "functionapp") runs on Windows.
  const bool app = has(kind, "app") && !runs_linux;
  const bool runs_windows = body.find({"properties", "osProfile", "windowsConfiguration"}) != nullptr || app;
  return (runs_linux && has(name, "linux") ? 2 : 0) + (runs_windows && has(name, "windows") ? 2 : 0) +
         (has(kind, "functionapp") == has(name, "function") ? 1 : 0);
}

}  // namespace

std::vector<std::string_view> terraform_types(const std::string& type, const ArmPath& path, const Value& body) {
  std::vector<std::string_view> names;
  const auto* row = table::find_name(table::azure_types, lower(type));
  if (row == nullptr) return names;
  for (const auto text : table::rows<table::Text>(table::texts, row->services)) names.push_back(table::text(text));
  if (names.size() < 2) return names;
  const std::string_view scope = scope_word(path.scope);
  const std::vector<std::string> said = kinds_said(path, body);
  const std::size_t common = common_prefix(names);
  std::vector<std::pair<int, std::string_view>> ranked;
  for (const auto name : names)
    ranked.emplace_back(-points_of_scope(name, scope) - points_of_system(name, body) -
                            points_of_kind(name.substr(std::min(common, name.size())), said),
                        name);
  std::sort(ranked.begin(), ranked.end());
  std::transform(ranked.begin(), ranked.end(), names.begin(), [](const auto& one) { return one.second; });
  return names;
}

}  // namespace plumbline::cloud::azure
