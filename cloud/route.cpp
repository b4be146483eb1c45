#include "cloud/route.hpp"

#include "cloud/aws/grant.hpp"
#include "cloud/aws/router.hpp"
#include "cloud/azure/router.hpp"
#include "cloud/gcp/router.hpp"
#include "cloud/kubernetes/router.hpp"
#include "cloud/table/tables.hpp"

namespace plumbline::cloud {
namespace {

bool claims(const Route& route) {
  return route.unmapped == Unmapped::no || route.unmapped == Unmapped::needs_body;
}

/// AWS' own, without the API servers of EKS.
bool is_at_aws(const Route& aws, const Head& head) {
  return aws.at_own_host && !kubernetes::is_host(head.host.empty() ? header(head.headers, "host") : head.host);
}

/// Another provider's change in a call that a signature alone makes AWS'. Anybody can add one, and a server that knows
/// its client by a certificate, or by a token in the query, looks at none.
Route overruling(const Head& head, std::string_view form) {
  for (const Route& route : {gcp::route(head), kubernetes::route(head, form), azure::route(head)})
    if (claims(route) && (route.unmapped == Unmapped::needs_body || may_change(route.level()))) return route;
  return {};
}

/// A provider's recogniser says `not_cloud` of what is not its own; the next one is asked then. AWS' hosts serve
/// others' APIs, too: EKS' are Kubernetes' own.
Route route_plain(const Head& head, std::string_view form) {
  const Route aws = aws::route(head, form);
  if (claims(aws) || !aws.access_key_id.empty()) {
    if (is_at_aws(aws, head)) return aws;
    const Route other = overruling(head, form);
    return claims(other) ? other : aws;
  }
  const Route gcp = gcp::route(head);  // Cloud Run's paths are like Kubernetes'
  if (gcp.unmapped != Unmapped::not_cloud) return gcp;
  const Route kubernetes = kubernetes::route(head, form);
  if (kubernetes.unmapped != Unmapped::not_cloud) return kubernetes;
  const Route azure = azure::route(head);
  return azure.unmapped != Unmapped::not_cloud ? azure : aws;
}

}  // namespace

Route route(const Head& head, std::string_view form) {
  if (split_target(head.target).path.find('%') == std::string_view::npos) return route_plain(head, form);
  auto plain = std::make_shared<const std::string>(plain_target(head.target));
  Head same = head;
  same.target = *plain;
  Route found = route_plain(same, form);
  found.plain_target = std::move(plain);
  return found;
}

std::string Route::service_name() const {
  if (provider == Provider::kubernetes) return kubernetes::service_name(resource);
  if (provider == Provider::azure) return azure::service_name(resource);
  if (provider == Provider::gcp) return gcp::service_name(*this);
  if (operation != table::no_row)
    return std::string(
        table::text(table::service(table::operation(table::operation(operation).canonical).service).name));
  return service == table::no_row ? std::string() : std::string(table::text(table::service(service).name));
}

std::string Route::operation_name() const {
  if (provider == Provider::kubernetes) return kubernetes::operation_name(resource);
  if (provider == Provider::azure) return azure::operation_name(resource);
  if (provider == Provider::gcp) return gcp::operation_name(*this);
  if (operation == table::no_row) return {};
  return std::string(table::text(table::operation(table::operation(operation).canonical).name));
}

Level Route::level() const {
  if (provider != Provider::aws) return path_level;
  return operation == table::no_row ? Level::read : table::operation(table::operation(operation).canonical).level;
}

bool Route::level_guessed() const {
  if (provider != Provider::aws) return path_level_guessed;
  return operation != table::no_row &&
         (table::operation(table::operation(operation).canonical).flags & table::level_by_verb) != 0;
}

bool Route::data_plane() const {
  if (provider != Provider::aws) return path_data_plane;
  return operation != table::no_row && (table::operation(operation).flags & table::data_plane) != 0;
}

bool Route::grants_credentials() const {
  return aws::grants_credentials(*this);
}

}  // namespace plumbline::cloud
