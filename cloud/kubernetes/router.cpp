#include "cloud/kubernetes/router.hpp"

#include <algorithm>
#include <array>

#include "cloud/kubernetes/kinds.hpp"
#include "cloud/kubernetes/path.hpp"

namespace plumbline::cloud::kubernetes {
namespace {

/// How sure a sign makes. Weak: what other APIs have too, so that it counts only beside a path of Kubernetes' own form.
/// Token: Kubernetes made it, but services in a cluster take it, too.
enum class Sign : std::uint8_t { none, weak, token, strong };

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// client-go ends its own with " kubernetes/<commit>" or "kubernetes/$Format" (k8s.io/client-go's rest/config.go).
Sign of_user_agent(std::string_view agent) {
  constexpr std::array<std::string_view, 12> own = {"kubectl",
                                                    "kubelet",
                                                    "kube-",
                                                    "helm",
                                                    "Helm",
                                                    "kubernetes",
                                                    "Kubernetes",
                                                    "pulumi-kubernetes",
                                                    "fabric8-kubernetes",
                                                    "argocd",
                                                    "flux",
                                                    "k9s"};
  if (has(agent, " kubernetes/")) return Sign::strong;
  for (const auto name : own)
    if (agent.starts_with(name)) return Sign::strong;
  constexpr std::array<std::string_view, 5> general = {"Go-http-client/", "HashiCorp/", "OpenAPI-Generator/",
                                                       "Swagger-Codegen/", "Terraform/"};
  for (const auto name : general)
    if (agent.starts_with(name)) return Sign::weak;
  return Sign::none;
}

Sign of_media_type(std::string_view type) {
  for (const auto own : {"vnd.kubernetes.protobuf", "apply-patch+", "strategic-merge-patch+json", "g=meta.k8s.io"})
    if (has(type, own)) return Sign::strong;
  return has(type, "merge-patch+json") || has(type, "json-patch+json") || has(type, "yaml") ? Sign::weak : Sign::none;
}

/// EKS' own tokens, and JWTs in which "kubernetes" stands, as issuer or as claim of a service account: in base64, its
/// whole characters at each of the three offsets.
Sign of_authorization(std::string_view value) {
  if (!equal_ignoring_case(value.substr(0, 7), "bearer ")) return Sign::none;
  if (has(value, "k8s-aws-v1.")) return Sign::strong;
  for (const auto mark : {"a3ViZXJuZXRlc", "t1YmVybmV0ZX", "rdWJlcm5ldGVz"})
    if (has(value, mark)) return Sign::token;
  return Sign::weak;
}

Sign of_header(const HeaderField& field) {
  const auto is = [&](std::string_view name) { return equal_ignoring_case(field.name, name); };
  switch (field.name.size()) {
    case 6:
      return is("accept") ? of_media_type(field.value) : Sign::none;
    case 10:
      return is("user-agent") ? of_user_agent(field.value) : Sign::none;
    case 12:
      return is("content-type") ? of_media_type(field.value) : Sign::none;
    case 13:
      return is("authorization") ? of_authorization(field.value) : Sign::none;
    case 15:
      return is("kubectl-command") || is("kubectl-session") ? Sign::strong : Sign::none;
    case 16:
      return is("impersonate-user") ? Sign::weak : Sign::none;
    case 22:
      return is("sec-websocket-protocol") && has(field.value, "k8s.io") ? Sign::strong : Sign::none;
    case 25:
      return is("x-stream-protocol-version") && has(field.value, "k8s.io") ? Sign::strong : Sign::none;
    default:
      return Sign::none;
  }
}

Sign of_query(std::string_view query) {
  constexpr std::array<std::string_view, 9> own = {"fieldManager",       "fieldValidation",      "labelSelector",
                                                   "fieldSelector",      "resourceVersionMatch", "propagationPolicy",
                                                   "gracePeriodSeconds", "allowWatchBookmarks",  "orphanDependents"};
  QueryWalk walk(query);
  for (QueryPair pair; walk.next(pair);)
    for (const auto name : own)
      if (pair.key == name) return Sign::strong;
  return Sign::none;
}

constexpr std::string_view authorization = "authorization";

Sign sign_of(const Head& head, std::string_view query) {
  Sign best = is_host(head.host.empty() ? header(head.headers, "host") : head.host) ? Sign::strong : of_query(query);
  for (const auto& field : head.headers)
    if (best != Sign::strong && field.name.size() != authorization.size()) best = std::max(best, of_header(field));
  // Tokens are long: they are looked through only where nothing else is sure.
  for (const auto& field : head.headers)
    if (best != Sign::strong && field.name.size() == authorization.size()) best = std::max(best, of_header(field));
  return best;
}

enum class Verdict : std::uint8_t { no, yes, ask_body };

Verdict judge(const ApiPath& path, Sign sign, const Head& head) {
  const auto& it = path.resource;
  const bool known = find_kind(it.group, it.resource) != nullptr;
  const bool custom = !known && has(it.group, ".");
  // The core's resources are all known: nothing is added to it.
  if (path.of_resource && it.group.empty() && !known) return Verdict::no;
  if (sign == Sign::strong) return Verdict::yes;
  if (!path.of_resource || path.prefixed) return Verdict::no;
  if (sign == Sign::token && (known || custom)) return Verdict::yes;
  // /apis/{x}.k8s.io/…, and a custom group with /namespaces/ in it.
  if (it.group.ends_with(".k8s.io") || (path.names_namespace && (custom || (known && !it.group.empty()))))
    return Verdict::yes;
  if (known && sign >= Sign::weak && (path.names_namespace || !it.group.empty())) return Verdict::yes;
  const bool writes = head.method == "POST" || head.method == "PUT";
  return (known || custom) && writes ? Verdict::ask_body : Verdict::no;
}

/// Asks, though it is a POST.
bool only_asks(const ResourcePath& it) {
  return it.verb == "create" && (it.group == "authorization.k8s.io" || it.group == "authentication.k8s.io");
}

bool is_connect(const ResourcePath& it) {
  return it.resource == "pods" && it.group.empty() &&
         (it.subresource == "exec" || it.subresource == "attach" || it.subresource == "portforward");
}

Level level_of(const ResourcePath& it, bool upgrade) {
  // exec is a GET since kubectl speaks WebSocket.
  if (is_connect(it) || (it.subresource == "proxy" && upgrade)) return Level::write;
  if (only_asks(it) || it.verb == "get" || it.verb == "head" || it.verb == "post") return Level::read;
  if (it.verb == "list" || it.verb == "watch") return Level::list;
  return it.group == "rbac.authorization.k8s.io" || it.subresource == "approval" ? Level::permissions : Level::write;
}

/// What controllers write all day, and what only passes through.
bool is_data_plane(const ResourcePath& it) {
  return it.subresource == "status" || it.subresource == "proxy" || it.subresource == "log" || is_connect(it) ||
         it.resource == "events" || it.group == "coordination.k8s.io" || only_asks(it);
}

/// Whether a body says "apiVersion" and "kind" as objects do, in JSON, YAML or protobuf.
bool is_object_text(std::string_view body) {
  using namespace std::string_view_literals;
  if (body.starts_with("k8s\0"sv)) return true;  // runtime.Unknown's prefix
  const auto start = body.substr(0, 64 * 1024);
  if (has(start, "\"apiVersion\"") && has(start, "\"kind\"")) return true;
  return (start.starts_with("apiVersion:") || has(start, "\napiVersion:")) && has(start, "kind:");
}

bool keeps_body(const ResourcePath& it) {
  return it.verb == "create" || it.verb == "update" || it.verb == "patch" || it.verb.starts_with("delete");
}

Route route_of(const Head& head, const ApiPath& path) {
  Route found;
  found.provider = Provider::kubernetes;
  found.unmapped = Unmapped::no;
  found.resource = path.resource;
  if (!path.of_resource) return found;
  found.keep = keeps_body(path.resource) ? max_body : 0;
  found.path_level = level_of(path.resource, !header(head.headers, "upgrade").empty());
  found.path_data_plane = is_data_plane(path.resource);
  return found;
}

/// Of an object or a collection; nullopt: no answer makes it one.
std::optional<ApiPath> path_to_answer(const Head& head) {
  const Target target = split_target(head.target);
  const auto path = parse_path(head.method, target.path, target.query);
  return path && path->of_resource && !path->prefixed ? path : std::nullopt;
}

}  // namespace

bool is_host(std::string_view host) {
  const auto port = host.rfind(':');
  if (port != std::string_view::npos && has(host.substr(port), "6443")) return true;
  host = host.substr(0, host.ends_with(']') ? host.size() : port);
  if (host == "kubernetes" || host.starts_with("kubernetes.default")) return true;
  for (const auto suffix : {".eks.amazonaws.com", ".eks.amazonaws.com.cn", ".azmk8s.io", ".gke.goog"})
    if (host.ends_with(suffix)) return true;
  return false;
}

Route route(const Head& head, std::string_view form) {
  const Target target = split_target(head.target);
  const auto path = parse_path(head.method, target.path, target.query);
  if (!path) return {};
  Verdict verdict = judge(*path, sign_of(head, target.query), head);
  if (verdict == Verdict::ask_body && !form.empty()) verdict = is_object_text(form) ? Verdict::yes : Verdict::no;
  if (verdict == Verdict::no) return {};
  Route found = route_of(head, *path);
  if (verdict == Verdict::ask_body) found.unmapped = Unmapped::needs_body;
  return found;
}

bool may_be_answered(const Head& head) {
  const auto path = path_to_answer(head);
  if (!path || !may_change(level_of(path->resource, false))) return false;
  const auto& it = path->resource;
  return find_kind(it.group, it.resource) != nullptr || has(it.group, ".");  // the core has no others
}

Route route_answered(const Head& head, const Response& response) {
  const auto path = path_to_answer(head);
  if (!path) return {};
  const bool served = !header(response.headers, "audit-id").empty() ||
                      !header(response.headers, "x-kubernetes-pf-flowschema-uid").empty() ||
                      is_object_text(response.body);
  return served ? route_of(head, *path) : Route{};
}

std::string service_name(const ResourcePath& path) {
  if (path.version.empty()) return {};
  return path.group.empty() ? std::string(path.version) : std::string(path.group) + "/" + std::string(path.version);
}

std::string operation_name(const ResourcePath& path) {
  std::string name(path.verb);
  name.append(1, ' ').append(path.resource);
  if (!path.subresource.empty()) name.append(1, '/').append(path.subresource);
  return name;
}

}  // namespace plumbline::cloud::kubernetes
