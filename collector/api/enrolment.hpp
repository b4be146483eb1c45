// How a host without Kubernetes gets its certificate: a token for one node, used once, and renewal by what it got.
#pragma once

#include "collector/api/api.hpp"

namespace plumbline::collector {

/// Adds /v1/enroll, /v1/enroll/renew and /v1/enrolment/tokens; 404 where nobody enrols here.
void add_enrolment_routes(http::Server& server, const std::shared_ptr<const ApiParts>& parts);

/// For GET /v1/status; "null" where nobody can enrol.
std::string enrolment_json(const ApiParts& parts);

}  // namespace plumbline::collector
