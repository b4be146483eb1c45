// POST /v1/batches: from a request to an acknowledgement after the commit.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "collector/ingest/prepare.hpp"
#include "collector/store/store.hpp"
#include "collector/telemetry/metrics.hpp"
#include "http/message.hpp"
#include "include/util/clock.hpp"

namespace plumbline::collector {

/// All keys present from the start.
struct IngestStats {
  std::atomic<std::uint64_t> batches = 0;  ///< acknowledged, heartbeats included
  std::atomic<std::uint64_t> heartbeats = 0;
  std::atomic<std::uint64_t> records = 0;  ///< acknowledged: stored, duplicate or rejected
  std::atomic<std::uint64_t> bytes = 0;    ///< of acknowledged requests' bodies, as sent
  std::atomic<std::uint64_t> unauthorized = 0;
  std::atomic<std::uint64_t> malformed = 0;    ///< 400 and 415
  std::atomic<std::uint64_t> too_large = 0;    ///< 413 for the text or a record; the router counts bodies
  std::atomic<std::uint64_t> busy = 0;         ///< 429
  std::atomic<std::uint64_t> unavailable = 0;  ///< 503
  Histogram ack_seconds;                       ///< from the whole request to its acknowledgement
};

/// Thread-safe. Outlives the server whose route it is, and every batch it gave to the store.
class Ingest {
 public:
  /// `token`: what agents must send as a bearer token; "" = none is asked for.
  Ingest(Store& store, const Clock& clock, const IngestLimits& limits, std::string token)
      : store_(store), clock_(clock), limits_(limits), token_(std::move(token)) {}

  /// Unpacks on the caller's thread (milliseconds for a full batch), answers from the store's.
  void handle(const http::Request& request, const http::Responder& respond);

  /// The answer (401, counted) to a request without the agents' token; nullopt where it has it, or none is asked for.
  std::optional<http::Response> refuse_stranger(const http::Request& request, const std::string& what);

  const IngestStats& stats() const { return stats_; }
  const IngestLimits& limits() const { return limits_; }

 private:
  bool authorized(const http::Request& request) const;

  Store& store_;
  const Clock& clock_;
  const IngestLimits limits_;
  const std::string token_;
  IngestStats stats_;
};

}  // namespace plumbline::collector
