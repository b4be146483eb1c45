#pragma once

#include "collector/api/api.hpp"

namespace plumbline::collector {

/// `DELETE /v1/nodes/{id}?reason=&by=`: forgets a node that is gone for good. 404: there is none; 409: its agent is
/// heard, and would be back at once.
http::Response forget_node(const ApiParts& parts, const http::Request& request);

/// `POST /v1/nodes/{id}/acknowledge?reason=&by=`: somebody has looked at its holes and conflicts. 404: there is none.
http::Response acknowledge_node(const ApiParts& parts, const http::Request& request);

}  // namespace plumbline::collector
