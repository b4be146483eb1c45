#pragma once

#include <string>

#include "cloud/route.hpp"

namespace plumbline::cloud::kubernetes {

/// cloud/route.hpp, for Kubernetes. Any host may be an API server, so the path must be one of its own and, unless it is
/// of a form that nobody else's has, something must be as its clients do it: a header, a media type, a query, a host.
/// Where only the body can tell, the route says needs_body; `form` is that body.
Route route(const Head& head, std::string_view form);

/// Whether a host's name or port is one that API servers alone have.
bool is_host(std::string_view host);

/// What route() takes for nobody's or, by a signature, for AWS', once there is an answer: an API server signs it with
/// an Audit-Id, and answers with objects. not_cloud where it does not.
Route route_answered(const Head& head, const Response& response);

/// Whether the answer to a request that route() takes for nobody's may show it to be a change of Kubernetes' after all:
/// of a client that is known by its certificate alone, say, on a port of its own.
bool may_be_answered(const Head& head);

/// cloud/route.hpp, Route::service_name() and so on.
std::string service_name(const ResourcePath& path);
std::string operation_name(const ResourcePath& path);

}  // namespace plumbline::cloud::kubernetes
