#include "cloud/kubernetes/path.hpp"

#include <algorithm>
#include <array>

namespace plumbline::cloud::kubernetes {
namespace {

/// What API servers answer beside resources (kube-apiserver's --authorization-always-allow-paths and system:discovery).
constexpr std::array<std::string_view, 10> other_paths = {
    "/api", "/apis", "/healthz", "/livez", "/readyz", "/metrics", "/openapi", "/version", "/swagger.json", "/logs"};

bool is_lower_name(std::string_view text) {
  return !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

/// v1, v2beta1, v1alpha3 (k8s.io/apimachinery's pkg/version)
bool is_version(std::string_view text) {
  const auto digits = [&text] {
    const auto end = std::min(text.find_first_not_of("0123456789"), text.size());
    text.remove_prefix(end);
    return end > 0 && end < 6;
  };
  if (!text.starts_with('v')) return false;
  text.remove_prefix(1);
  if (!digits()) return false;
  if (text.starts_with("alpha"))
    text.remove_prefix(5);
  else if (text.starts_with("beta"))
    text.remove_prefix(4);
  else
    return text.empty();
  return digits() && text.empty();
}

/// Size of the separator that `text` begins with, 0 where it begins with none. An escaped slash is one: API servers
/// decode the path before they divide it, which no name of an object can want, since none has a slash.
std::size_t separator(std::string_view text) {
  if (text.starts_with('/')) return 1;
  return text.starts_with("%2F") || text.starts_with("%2f") ? 3 : 0;
}

/// Where the first one from `from` on begins; the size where there is none.
std::size_t find_separator(std::string_view text, std::size_t from) {
  const auto slash = std::min(text.find('/', from), text.size());
  const auto before = text.substr(0, slash);
  for (auto at = before.find('%', from); at != std::string_view::npos; at = before.find('%', at + 1))
    if (separator(text.substr(at)) != 0) return at;
  return slash;
}

/// Takes segments off a path; "" where there is none left.
class Segments {
 public:
  explicit Segments(std::string_view path) : rest_(path) {}
  std::string_view next() {
    while (const auto size = separator(rest_)) rest_.remove_prefix(size);
    const auto part = rest_.substr(0, find_separator(rest_, 0));
    rest_.remove_prefix(part.size());
    return part;
  }
  std::string_view peek() const { return Segments(*this).next(); }
  bool empty() const { return peek().empty(); }

 private:
  std::string_view rest_;
};

/// "true" and "1", as requestinfo.go reads it.
bool asks_to_watch(std::string_view query) {
  const auto watch = query_value(query, "watch");
  return watch && *watch != "0" && *watch != "false";
}

std::string_view verb_of(std::string_view method, bool named, bool watch) {
  if (method == "GET" || method == "HEAD") return watch ? "watch" : named ? "get" : "list";
  if (method == "POST") return "create";
  if (method == "PUT") return "update";
  if (method == "PATCH") return "patch";
  if (method == "DELETE") return named ? "delete" : "deletecollection";
  return {};
}

std::string_view plain_verb(std::string_view method) {
  if (method == "GET") return "get";
  if (method == "HEAD") return "head";
  return method == "POST" ? "post" : std::string_view();
}

/// Behind "/api" or "/apis", which `legacy` tells apart.
std::optional<ApiPath> of_resource(std::string_view method, std::string_view path, std::string_view query,
                                   bool legacy) {
  Segments segments(path);
  ApiPath found;
  auto& it = found.resource;
  if (!legacy) {
    it.group = segments.next();
    if (!is_lower_name(it.group)) return std::nullopt;
  }
  it.version = segments.next();
  if (!is_version(it.version) || (legacy && it.version != "v1")) return std::nullopt;
  bool watch = asks_to_watch(query);
  if (segments.peek() == "watch") {
    (void)segments.next();
    watch = true;
  }
  if (segments.empty()) return std::nullopt;
  if (segments.peek() == "namespaces") {
    (void)segments.next();
    const auto ns = segments.next();
    const auto next = segments.peek();
    // Its own subresources are no resources within it.
    if (next.empty() || next == "status" || next == "finalize") {
      it.resource = "namespaces";
      it.name = ns;
    } else {
      it.scope = ns;
      found.names_namespace = true;
      it.resource = segments.next();
      it.name = segments.next();
    }
  } else {
    it.resource = segments.next();
    it.name = segments.next();
  }
  it.subresource = segments.next();
  if (!is_lower_name(it.resource) || it.name.size() > 1024 || it.scope.size() > 253) return std::nullopt;
  if (!it.subresource.empty() && !is_lower_name(it.subresource)) return std::nullopt;
  it.verb = verb_of(method, !it.name.empty(), watch);
  if (it.verb.empty()) return std::nullopt;
  found.of_resource = true;
  return found;
}

}  // namespace

std::optional<ApiPath> parse_path(std::string_view method, std::string_view path, std::string_view query) {
  for (const std::string_view root : {"apis", "api"}) {
    // Rancher, Teleport and others serve many clusters' APIs below paths of their own.
    for (auto at = find_separator(path, 0); at < path.size(); at = find_separator(path, at + 1)) {
      const auto before = separator(path.substr(at));
      if (!path.substr(at + before).starts_with(root)) continue;
      const auto rest = path.substr(at + before + root.size());
      auto found = separator(rest) == 0 ? std::nullopt : of_resource(method, rest, query, root == "api");
      if (!found) continue;
      found->prefixed = at != 0;
      return found;
    }
  }
  const auto verb = plain_verb(method);
  if (verb.empty() || path.size() > 256) return std::nullopt;
  for (const auto other : other_paths) {
    if (!path.starts_with(other) || (path.size() > other.size() && path[other.size()] != '/')) continue;
    ApiPath found;
    found.resource.verb = verb;
    found.resource.resource = path;
    return found;
  }
  return std::nullopt;
}

}  // namespace plumbline::cloud::kubernetes
