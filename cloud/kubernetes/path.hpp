// What a path means to an API server of Kubernetes.
#pragma once

#include <optional>
#include <string_view>

#include "cloud/route.hpp"

namespace plumbline::cloud::kubernetes {

struct ApiPath {
  ResourcePath resource;
  bool prefixed = false;     ///< something stands before /api: a proxy's own path
  bool of_resource = false;  ///< otherwise: discovery, health, the OpenAPI document; `resource.resource` is the path
  bool names_namespace = false;  ///< it has /namespaces/{ns}/{resource} in it
};

/// The grammar of k8s.io/apiserver's pkg/endpoints/request/requestinfo.go: /api/{version} and /apis/{group}/{version},
/// then [/watch][/namespaces/{ns}]/{resource}[/{name}[/{subresource}[/…]]]. nullopt for any other path, and where
/// group, version or resource cannot be such. `query`: a list becomes a watch by it.
std::optional<ApiPath> parse_path(std::string_view method, std::string_view path, std::string_view query);

}  // namespace plumbline::cloud::kubernetes
