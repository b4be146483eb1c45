// The agent's HTTP API: what GET calls of DESIGN section 6 say about this node. Described by openapi.json beside it.
#pragma once

#include <string_view>

#include "access/gate.hpp"
#include "agent/api/node_view.hpp"
#include "http/server.hpp"

namespace plumbline::agent {

/// Adds every route to `server`, before its start(). `view`, `gate` and `server` outlive the server's threads. The
/// counters of server and gate join the metrics as plumbline_api_*.
void add_api_routes(http::Server& server, NodeView& view, const access::Gate& gate);

/// The document served at /openapi.json: OpenAPI 3.1.
std::string_view openapi_document();

}  // namespace plumbline::agent
