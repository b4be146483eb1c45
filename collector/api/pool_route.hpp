// Routes whose answers may scan the ledger, wait for a commit or a disk, or sign.
#pragma once

#include <functional>
#include <memory>

#include "collector/api/api.hpp"

namespace plumbline::collector {

using PoolAnswer = std::function<http::Response(const ApiParts&, const http::Request&)>;

/// Answers on the query pool's threads; 503 where too many wait for these.
void route_on_pool(http::Server& server, const std::shared_ptr<const ApiParts>& parts, const char* method,
                   const char* pattern, http::RouteOptions options, PoolAnswer answer);

}  // namespace plumbline::collector
