// The collector's HTTP API: which paths there are, and what each answers. docs/reference/collector.md describes it for
// people, openapi.json for programs; a test holds the three together.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

#include "access/authority.hpp"
#include "access/gate.hpp"
#include "access/own_certificate.hpp"
#include "collector/api/query_pool.hpp"
#include "collector/baselines/shelf.hpp"
#include "collector/forward/forwarder.hpp"
#include "collector/ingest/enrolment_tokens.hpp"
#include "collector/ingest/ingest.hpp"
#include "collector/store/store.hpp"
#include "http/server.hpp"
#include "include/util/clock.hpp"

namespace plumbline::collector {

/// What enrolling takes.
struct EnrolmentParts {
  EnrolmentParts(std::unique_ptr<access::Authority> of, std::chrono::seconds lasts, Store& store, const Clock& clock)
      : authority(std::move(of)), certificate_lasts(lasts), tokens(store, clock) {}
  const std::unique_ptr<access::Authority> authority;
  const std::chrono::seconds certificate_lasts;
  EnrolmentTokens tokens;
  std::atomic<std::uint64_t> renewed{0};
};

/// What the API reads from; all of it outlives the server.
struct ApiParts {
  Store& store;
  Ingest& ingest;
  access::Gate& gate;
  const Shelf* shelf;  ///< nullptr: no baselines are handed out
  QueryPool& queries;
  const std::vector<std::unique_ptr<Forwarder>>& sinks;
  const http::Server& server;
  const Clock& clock;
  WallNs started_at = 0;
  std::chrono::nanoseconds silence_after{0};
  const std::atomic<bool>& draining;
  const http::ServerTls* tls = nullptr;                     ///< nullptr: served in clear
  EnrolmentParts* enrolment = nullptr;                      ///< nullptr: nobody enrols here
  const access::OwnCertificate* own_certificate = nullptr;  ///< nullptr: the server's is somebody else's to make
};

/// Adds every route. Batches, streams and probes run on the server's threads, what may take long on the pool's.
void add_routes(http::Server& server, const std::shared_ptr<const ApiParts>& parts);

/// The document that GET /openapi.json answers.
std::string_view openapi_json();

}  // namespace plumbline::collector
