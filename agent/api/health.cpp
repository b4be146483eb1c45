#include "agent/api/health.hpp"

#include "http/health.hpp"

namespace plumbline::agent {

http::Response health_response(const http::Request& request, const std::vector<HealthCheck>& checks) {
  std::vector<http::HealthCheck> all;
  for (const auto& [name, ok, says] : checks) all.push_back({name, ok, says});
  return http::health_response(request, all);
}

}  // namespace plumbline::agent
