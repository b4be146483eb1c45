// Probes in the form that Kubernetes has (?verbose, ?exclude=). Private to agent/api/.
#pragma once

#include <vector>

#include "agent/api/node_view.hpp"
#include "http/message.hpp"

namespace plumbline::agent {

/// 200 or 503 for machines, one line a check for people: "[+]hooks ok: …", "[-]spool failed: …". The lines come with
/// ?verbose and with every 503. `exclude` may be repeated; one that names no check is told, not refused, so that a
/// probe outlives a renamed check.
http::Response health_response(const http::Request& request, const std::vector<HealthCheck>& checks);

}  // namespace plumbline::agent
