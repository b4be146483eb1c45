// The pods of this node, with the ConfigMaps and Secrets that they mount, from the API server.
#pragma once

#include "fetch/environment.hpp"
#include "fetch/kubernetes_origin.hpp"
#include "fetch/origin.hpp"
#include "fetch/pod_register.hpp"

namespace plumbline::fetch {

struct PodsOriginOptions {
  std::string node;  ///< as the cluster calls it; "" = the variable NODE_NAME, else the host's name
  KubernetesApi api;
  FetchLimits limits;
  Environment environment;
  std::shared_ptr<PodRegister> pods = {};  ///< told of each list that was taken whole; nullptr = nobody wants to know
};

/// Gives one `v1/List` for baseline::read_kubernetes(). Lists the pods whose spec.nodeName is the node's, and gets each
/// ConfigMap and Secret by its name: `list` on pods and `get` on those are all it needs. One that is not there (404) or
/// that it may not get (403) is left out. All requests go over one connection. Unchanged, it costs the pods' metadata
/// and that of each object; its version stands for all of them. Errors of making it as of make_kubernetes_origin(), and
/// a node's name that is none.
Result<std::unique_ptr<Origin>> make_pods_origin(PodsOriginOptions options);

}  // namespace plumbline::fetch
