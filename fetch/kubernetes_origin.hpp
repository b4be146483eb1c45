// A source that is kept in a Secret or ConfigMap of Kubernetes, as Terraform's `kubernetes` backend does.
#pragma once

#include "fetch/origin.hpp"

namespace plumbline::fetch {

/// "kubernetes://NAMESPACE/secrets/NAME[/KEY]" or "kubernetes://NAMESPACE/configmaps/NAME/KEY".
struct KubernetesLocation {
  std::string object_namespace;
  std::string resource;  ///< "secrets" or "configmaps"
  std::string name;
  std::string key;  ///< of a Secret by default "tfstate": Terraform's backend, base64 of gzip of the state
};
Result<KubernetesLocation> parse_kubernetes_location(const std::string& location);

/// Whether a name may be that of an object, a namespace or a key of data: RFC 1123 subdomains, and '_' and capitals
/// too.
bool is_kubernetes_name(std::string_view text);

/// An API server and what opens it.
struct KubernetesApi {
  std::string server;      ///< "https://HOST:PORT"; "" = the cluster that the agent runs in
  std::string token_file;  ///< "" = the service account's own
  std::string ca_file;     ///< "" = the service account's own, or the system's where `server` is given
};
/// With what was left out. `invalid_argument`: no server is given and the agent runs in no cluster.
Result<KubernetesApi> find_kubernetes_api(KubernetesApi given);

struct KubernetesOriginOptions {
  KubernetesLocation where;
  KubernetesApi api;
  FetchLimits limits;
};

/// Asks for the object's metadata first (PartialObjectMetadata), so that an unchanged one costs a few hundred bytes;
/// the version is its UID and resourceVersion. Errors as of find_kubernetes_api().
Result<std::unique_ptr<Origin>> make_kubernetes_origin(KubernetesOriginOptions options);

}  // namespace plumbline::fetch
