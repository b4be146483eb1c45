// Which cluster of Kubernetes an API server is of.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace plumbline::agent {

/// Names of a cluster's API servers. What a client names (Host, `:authority`) is its own word: this tells clusters
/// apart where clients are honest, and what follows from an unknown name never ends drift (docs/decisions/0026). Not
/// thread-safe.
class Clusters {
 public:
  /// The server at a URL ("https://HOST[:PORT]") is of that cluster; the first who says so is believed. False: it is of
  /// another one already, or that is no URL of a server.
  bool add(const std::string& cluster, const std::string& url);
  /// What pods call the API server of the cluster that they run in, at the service's port (the names in
  /// kube-apiserver's own certificate: kubernetes, kubernetes.default, …).
  void add_service_names(const std::string& cluster, const std::string& port);

  /// The cluster of the server that a client names ("10.0.0.1:6443"; without a port 443); "" = nobody knows.
  std::string of(std::string_view host) const;
  /// The same of a URL.
  std::string of_url(const std::string& url) const;
  /// Whether a client that names `host` means the server at the URL.
  static bool is_at(const std::string& url, std::string_view host);

 private:
  std::map<std::string, std::string, std::less<>> clusters_;  // "host:port" → cluster
};

}  // namespace plumbline::agent
