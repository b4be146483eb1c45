#pragma once

#include "collector/api/api.hpp"

namespace plumbline::collector {

/// `POST /v1/revocations?node=&reason=&by=`: certificates of the node that were issued before now are refused, by all
/// collectors of the store, and tokens to enrol it are taken back. 409: max_revocations are.
http::Response revoke_node(const ApiParts& parts, const http::Request& request);

/// `GET /v1/revocations`: all of them, by node.
http::Response list_revocations(const ApiParts& parts, const http::Request& request);

}  // namespace plumbline::collector
