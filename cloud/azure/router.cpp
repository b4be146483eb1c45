#include "cloud/azure/router.hpp"

#include <array>

#include "cloud/azure/path.hpp"

namespace plumbline::cloud::azure {
namespace {

/// Of all clouds, also those that are closed
/// (https://learn.microsoft.com/azure/azure-government/compare-azure-government).
constexpr std::array<std::string_view, 7> hosts = {
    "management.azure.com",         "management.chinacloudapi.cn",       "management.usgovcloudapi.net",
    "management.microsoftazure.de", "management.azure.microsoft.scloud", "management.azure.eaglex.ic.gov",
    "management.core.windows.net"};

bool is_host(std::string_view host) {
  host = host.substr(0, host.find(':'));
  for (const auto known : hosts) {
    if (equal_ignoring_case(host, known)) return true;
    // "westeurope.management.azure.com"
    if (host.size() > known.size() && host[host.size() - known.size() - 1] == '.' &&
        equal_ignoring_case(host.substr(host.size() - known.size()), known))
      return true;
  }
  return false;
}

bool starts(std::string_view text, std::string_view word) {
  return equal_ignoring_case(text.substr(0, word.size()), word);
}

bool is_date(std::string_view text) {
  return text.size() >= 10 && text[4] == '-' && text[7] == '-' && text[0] == '2' && text[1] == '0';
}

/// Of a POST, by what the action is called.
bool only_reads(std::string_view action) {
  for (const auto verb : {"list", "get", "check", "validate", "query", "search", "export", "whatIf", "preview",
                          "download", "generate", "summarize", "analyze", "test", "resources", "effective"})
    if (starts(action, verb)) return true;
  return false;
}

std::string_view verb_of(std::string_view method) {
  if (method == "GET" || method == "HEAD") return "read";
  if (method == "PUT" || method == "PATCH") return "write";
  if (method == "DELETE") return "delete";
  return method == "POST" ? "action" : std::string_view();
}

Level level_of(const ArmPath& path, std::string_view verb) {
  if (verb == "read") return path.collection ? Level::list : Level::read;
  if (verb == "action" && only_reads(path.action)) return Level::read;
  if (equal_ignoring_case(path.provider, "Microsoft.Authorization")) return Level::permissions;
  if (equal_ignoring_case(path.provider, "Microsoft.Resources") && starts(path.types, "tags/")) return Level::tagging;
  return Level::write;
}

}  // namespace

Route route(const Head& head) {
  const Target target = split_target(head.target);
  const bool host = is_host(head.host.empty() ? header(head.headers, "host") : head.host);
  if (!host && !starts(target.path, "/subscriptions/")) return {};
  const auto verb = verb_of(head.method);
  const ArmPath path = parse_path(head.method, target.path);
  if (!host) {
    const auto version = query_value(target.query, "api-version");
    if (!path.known || !is_guid(path.subscription) || !version || !is_date(*version)) return {};
  }
  Route found;
  found.provider = Provider::azure;
  found.unmapped = path.known && !verb.empty() ? Unmapped::no : Unmapped::unknown_operation;
  // Lists of everything and the batch of calls, which are below no provider.
  const std::string_view other = target.path.substr(0, 64);
  const bool of_tenant = equal_ignoring_case(other, "/subscriptions") || equal_ignoring_case(other, "/tenants") ||
                         equal_ignoring_case(other, "/batch") || equal_ignoring_case(other, "/providers");
  if (!path.known && of_tenant && !verb.empty()) {
    found.unmapped = Unmapped::no;
    found.resource = {verb, "Microsoft.Resources", {}, {}, other.substr(1), {}, {}};
    found.path_level = verb == "read" ? Level::list : Level::write;
    found.path_level_guessed = verb == "action";
    found.keep = verb == "read" ? 0 : max_body;
    return found;
  }
  found.resource = {verb, path.provider, {}, path.scope, path.types, {}, path.action};
  found.keep = verb == "read" ? 0 : max_body;
  found.path_level = level_of(path, verb);
  found.path_level_guessed = verb == "action";
  return found;
}

std::string service_name(const ResourcePath& path) {
  return std::string(path.group);
}

std::string operation_name(const ResourcePath& path) {
  std::string name = types_alone(path.resource);
  if (!path.subresource.empty()) name.append(name.empty() ? "" : "/").append(path.subresource);
  return name.append(name.empty() ? "" : "/").append(path.verb);
}

}  // namespace plumbline::cloud::azure
