// The collector's HTTP API: which paths there are, and what each answers. docs/reference/collector.md describes it for
// people, openapi.json for programs; a test holds the three together.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "collector/forward/forwarder.hpp"
#include "collector/ingest/ingest.hpp"
#include "collector/store/store.hpp"
#include "http/server.hpp"
#include "include/util/clock.hpp"

namespace plumbline::collector {

/// What the API reads from; all of it outlives the server.
struct ApiParts {
  Store& store;
  Ingest& ingest;
  const std::vector<std::unique_ptr<Forwarder>>& sinks;
  const http::Server& server;
  const Clock& clock;
  WallNs started_at = 0;
  std::chrono::nanoseconds silence_after{0};
  const std::atomic<bool>& draining;
};

/// Adds every route. Handlers run on the server's threads and read committed rows only.
void add_routes(http::Server& server, const std::shared_ptr<const ApiParts>& parts);

/// The document that GET /openapi.json answers.
std::string_view openapi_json();

}  // namespace plumbline::collector
