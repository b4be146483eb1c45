#pragma once

#include "cloud/operation.hpp"

namespace plumbline::cloud::gcp {

/// Fills what path, body and answer say: outcome, project and place, body without secrets, and the resource touched. Of
/// a gRPC call, the resource is what its routing header names (x-goog-request-params, https://google.aip.dev/4222).
void decode(const Request& request, const Response& response, const Route& route, Operation& operation);

}  // namespace plumbline::cloud::gcp
