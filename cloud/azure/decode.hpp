#pragma once

#include "cloud/operation.hpp"

namespace plumbline::cloud::azure {

/// Fills what path, body and answer say: outcome (a 202 was accepted and counts as success, though the work may still
/// fail), the correlation id that the activity log has, subscription, body without secrets, and the resource touched:
/// of a batch each one. Of a deployment's template, only that it is deployed.
void decode(const Request& request, const Response& response, const Route& route, Operation& operation);

}  // namespace plumbline::cloud::azure
