// The node's probes. Private to agent/api/.
#pragma once

#include <vector>

#include "agent/api/node_view.hpp"
#include "http/message.hpp"

namespace plumbline::agent {

/// http::health_response() (http/health.hpp).
http::Response health_response(const http::Request& request, const std::vector<HealthCheck>& checks);

}  // namespace plumbline::agent
