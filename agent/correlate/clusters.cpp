#include "agent/correlate/clusters.hpp"

#include <algorithm>

#include "http/url.hpp"
#include "include/util/lower.hpp"

namespace plumbline::agent {
namespace {

/// "Host" → "host:443"; of IPv6 the colons within brackets are no port's.
std::string with_port(std::string_view authority) {
  std::string server = lower(authority);
  const auto colon = server.rfind(':');
  const bool has_port = colon != std::string::npos && (server.front() != '[' || server[colon - 1] == ']');
  if (!has_port && !server.empty()) server += ":443";
  return server;
}

/// "" = that is no URL.
std::string server_of(const std::string& url) {
  const auto parsed = http::parse_url("read the URL of an API server", url);
  if (!parsed) return "";
  const bool is_v6 = parsed->host.find(':') != std::string::npos;
  return lower(is_v6 ? "[" + parsed->host + "]" : parsed->host) + ":" + parsed->port;
}

}  // namespace

bool Clusters::add(const std::string& cluster, const std::string& url) {
  const std::string server = server_of(url);
  return !server.empty() && clusters_.emplace(server, cluster).first->second == cluster;
}

void Clusters::add_service_names(const std::string& cluster, const std::string& port) {
  for (const char* name :
       {"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"})
    clusters_.emplace(std::string(name) + ":" + port, cluster);
}

std::string Clusters::of(std::string_view host) const {
  const auto found = clusters_.find(with_port(host));
  return found == clusters_.end() ? "" : found->second;
}

std::string Clusters::of_url(const std::string& url) const {
  const auto found = clusters_.find(server_of(url));
  return found == clusters_.end() ? "" : found->second;
}

bool Clusters::is_at(const std::string& url, std::string_view host) {
  const std::string server = server_of(url);
  return !server.empty() && server == with_port(host);
}

}  // namespace plumbline::agent
