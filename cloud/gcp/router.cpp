#include "cloud/gcp/router.hpp"

#include <algorithm>
#include <array>

#include "cloud/aws/rest.hpp"
#include "cloud/gcp/grpc.hpp"
#include "cloud/gcp/methods.hpp"

namespace plumbline::cloud::gcp {
namespace {

using Ids = std::span<const std::uint32_t>;
using table::Method;

constexpr std::string_view suffix = ".googleapis.com";

std::string_view host_of(const Head& head) {
  const auto host = head.host.empty() ? header(head.headers, "host") : head.host;
  return host.starts_with('[') ? host : host.substr(0, host.find(':'));
}

/// "compute" of compute.googleapis.com, compute.mtls.…, compute.europe-west1.rep.…, europe-west1-aiplatform.… and
/// compute-name.p.googleapis.com (Private Service Connect); "" for no host of Google's.
std::string_view stem_of(std::string_view host) {
  if (host.size() <= suffix.size() || !equal_ignoring_case(host.substr(host.size() - suffix.size()), suffix)) return {};
  host.remove_suffix(suffix.size());
  const auto stem = host.substr(0, host.find('.'));
  if (table::find_name(table::gcp_hosts, stem) != nullptr) return stem;
  if (host.ends_with(".p")) return stem.substr(0, stem.find('-'));
  const auto dash = stem.rfind('-');
  return dash == std::string_view::npos ? stem : stem.substr(dash + 1);
}

std::string_view first_segment(std::string_view path) {
  path.remove_prefix(path.starts_with('/') ? 1 : 0);
  return path.substr(0, path.find('/'));
}

/// APIs whose paths begin with a word of their own; a short copy, since the key has a slash in front.
Ids sharing(std::string_view path) {
  const auto word = first_segment(path);
  std::array<char, 64> key{'/'};
  if (word.empty() || word.size() >= key.size()) return {};
  std::copy(word.begin(), word.end(), key.begin() + 1);
  return table::ids_of(table::gcp_hosts, {key.data(), word.size() + 1});
}

bool is_googles_client(std::span<const HeaderField> headers) {
  if (!header(headers, "x-goog-api-client").empty() || !header(headers, "x-goog-user-project").empty()) return true;
  const auto agent = header(headers, "user-agent");
  for (const auto word : {"google-cloud-sdk", "google-api-", "gcloud", "gccl/", "Google-API-", "google-cloud-"})
    if (agent.find(word) != std::string_view::npos) return true;
  return false;
}

bool starts(std::string_view text, std::string_view word) {
  return text.starts_with(word);
}

/// Of a POST: what only asks, whatever it is called after ("queryAccessibleData" too).
bool only_reads(std::string_view word) {
  for (const auto verb :
       {"get",      "list",      "search",    "query",   "test",           "generate",  "fetch",       "lookup",
        "check",    "validate",  "analyze",   "count",   "aggregatedList", "batchGet",  "export",      "preview",
        "retrieve", "read",      "compute",   "predict", "runQuery",       "explain",   "permissions", "lint",
        "estimate", "summarize", "translate", "detect",  "annotate",       "recognize", "classify",    "find"})
    if (starts(word, verb)) return true;
  return false;
}

bool is_list(std::string_view word) {
  return starts(word, "list") || starts(word, "aggregatedList") || starts(word, "search");
}

Level level_of(Method verb, std::string_view word) {
  if (is_list(word)) return Level::list;
  if (verb == Method::get || verb == Method::head) return Level::read;
  if (word == "setIamPolicy" || starts(word, "addAccess") || starts(word, "setIam")) return Level::permissions;
  if (word == "setLabels" || word == "setTags") return Level::tagging;
  return verb == Method::post && only_reads(word) ? Level::read : Level::write;
}

/// What users' data goes through.
bool is_data_plane(std::string_view api, const table::GcpMethodRow& method) {
  struct Place {
    std::string_view api, collection;  ///< "" = all of it but what is about operations and policies
  };
  constexpr std::array<Place, 14> places = {{{"storage", "o"},
                                             {"bigquery", "insertAll"},
                                             {"bigquery", "data"},
                                             {"bigquery", "queries"},
                                             {"bigquery", "jobs"},
                                             {"logging", "entries"},
                                             {"monitoring", "timeSeries"},
                                             {"firestore", "documents"},
                                             {"spanner", "sessions"},
                                             {"datastore", "projects"},
                                             {"pubsub", ":publish"},
                                             {"pubsub", ":pull"},
                                             {"pubsub", ":acknowledge"},
                                             {"cloudtrace", "traces"}}};
  const auto words = words_of(method);
  for (const auto& place : places)
    if (place.api == api && std::find(words.begin(), words.end(), place.collection) != words.end()) return true;
  return false;
}

void take(Route& found, const MethodMatch& match) {
  const auto& method = method_row(match.method);
  const auto word = verb_word(method);
  found.unmapped = Unmapped::no;
  found.api = match.api;
  found.method = match.method;
  found.path_level = level_of(method.verb, word);
  found.path_level_guessed = method.verb == Method::post;
  found.path_data_plane = is_data_plane(table::text(api_row(match.api).name), method);
  const bool writes = found.path_level != Level::read && found.path_level != Level::list;
  found.keep = writes && !found.path_data_plane && method.verb != Method::del ? max_body : 0;
}

/// /package.Service/Method
bool take_rpc(Route& found, std::string_view path, Ids apis) {
  const auto slash = path.rfind('/');
  if (!path.starts_with('/') || slash == 0 || slash == std::string_view::npos) return false;
  const auto service = path.substr(1, slash - 1), rpc = path.substr(slash + 1);
  if (!service.starts_with("google.") || service.find('/') != std::string_view::npos || rpc.empty()) return false;
  found.resource.group = service;
  found.resource.name = rpc;
  if (const auto match = find_rpc(apis, rpc); match.found()) {
    take(found, match);
  } else {
    found.unmapped = Unmapped::no;
    const bool reads = starts(rpc, "Get") || starts(rpc, "BatchGet") || starts(rpc, "Test") || starts(rpc, "Query");
    found.path_level = starts(rpc, "List") || starts(rpc, "Search") ? Level::list : reads ? Level::read : Level::write;
    if (!apis.empty()) found.api = apis[0];
  }
  found.path_level_guessed = true;
  found.keep = 0;  // protobuf, whose fields the tables do not know
  return true;
}

}  // namespace

Route route(const Head& head) {
  const Target target = split_target(head.target);
  const auto host = host_of(head);
  const auto stem = stem_of(host);
  Route found;
  const bool grpc = header(head.headers, "content-type").starts_with("application/grpc");
  Ids apis;
  std::string_view path = target.path;
  for (const std::string_view upload : {"/upload/", "/resumable/upload/", "/download/", "/batch/"})
    if (path.starts_with(upload)) path.remove_prefix(upload.size() - 1);
  if (!stem.empty())
    apis = stem == "www" ? sharing(path) : table::ids_of(table::gcp_hosts, stem);
  else if (is_googles_client(head.headers))
    apis = sharing(path);
  if (stem.empty() && apis.empty() && !(grpc && path.starts_with("/google."))) return {};
  found.provider = Provider::gcp;
  if (grpc && take_rpc(found, path, apis)) return found;
  auto match = find_method(apis, aws::method_of(head.method), path);
  // www.googleapis.com and a service's own host serve the same: storage.googleapis.com/storage/v1/b.
  if (!match.found()) match = find_method(sharing(path), aws::method_of(head.method), path);
  if (!match.found() && stem.empty()) return {};
  if (match.found()) {
    take(found, match);
    if (path.size() != target.path.size() && head.method != "GET") found.path_data_plane = true, found.keep = 0;
  } else {
    found.unmapped = apis.empty() ? Unmapped::unknown_service : Unmapped::unknown_operation;
    if (!apis.empty()) found.api = apis[0];
  }
  return found;
}

std::string service_name(const Route& route) {
  if (route.api != table::no_row) return std::string(table::text(api_row(route.api).name));
  return std::string(route.resource.group);
}

std::string operation_name(const Route& route) {
  if (route.method != table::no_row) return name_of(api_row(route.api), method_row(route.method));
  if (route.resource.name.empty()) return {};
  const auto service = route.resource.group;
  return std::string(service.substr(service.rfind('.') + 1)) + "." + std::string(route.resource.name);
}

}  // namespace plumbline::cloud::gcp
