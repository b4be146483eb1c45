#include "cloud/named_host.hpp"

#include "cloud/aws/host.hpp"
#include "cloud/gcp/router.hpp"
#include "cloud/table/tables.hpp"

namespace plumbline::cloud {

std::optional<NamedHost> named_host(std::string_view host) {
  if (const auto endpoint = aws::endpoint_of(aws::without_port(host)); endpoint.known) {
    const auto stem = table::text(endpoint.stem);
    // What stands before a service's name is its users', unless it is a bucket or an account.
    const bool is_users = !endpoint.left.empty() && !stem.starts_with("s3") &&
                          endpoint.left.find_first_not_of("0123456789") != std::string_view::npos;
    if (endpoint.services.empty() || is_users || stem == "execute-api") return std::nullopt;
    return NamedHost{Provider::aws, std::string(stem), std::string(endpoint.region)};
  }
  const Route at = route({"GET", host, "/", {}});
  if (at.provider == Provider::gcp) return NamedHost{Provider::gcp, gcp::service_name(at), ""};
  if (at.provider == Provider::azure) return NamedHost{Provider::azure, "management", ""};
  return std::nullopt;
}

}  // namespace plumbline::cloud
