// POST /v1/batches: from a request to an acknowledgement after the commit.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "access/gate.hpp"
#include "collector/ingest/node_names.hpp"
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
  std::atomic<std::uint64_t> records = 0;      ///< acknowledged: stored, duplicate or rejected
  std::atomic<std::uint64_t> bytes = 0;        ///< of acknowledged requests' bodies, as sent
  std::atomic<std::uint64_t> wrong_node = 0;   ///< 403: of a node that its sender may not speak for
  std::atomic<std::uint64_t> malformed = 0;    ///< 400 and 415
  std::atomic<std::uint64_t> too_large = 0;    ///< 413 for the text or a record; the router counts bodies
  std::atomic<std::uint64_t> busy = 0;         ///< 429
  std::atomic<std::uint64_t> unavailable = 0;  ///< 503
  Histogram ack_seconds;                       ///< from the whole request to its acknowledgement
};

/// Thread-safe. Outlives the server whose route it is, and every batch it gave to the store.
class Ingest {
 public:
  /// `gate`: who let the senders in.
  Ingest(Store& store, const Clock& clock, const IngestLimits& limits, access::Gate& gate)
      : store_(store), clock_(clock), limits_(limits), gate_(gate) {}
  /// Which nodes are known, before the first batch.
  Result<void> load() { return names_.load(store_); }

  /// Unpacks on the caller's thread (milliseconds for a full batch), answers from the store's.
  void handle(const http::Request& request, const http::Responder& respond);

  const IngestStats& stats() const { return stats_; }
  const IngestLimits& limits() const { return limits_; }

 private:
  Store& store_;
  const Clock& clock_;
  const IngestLimits limits_;
  access::Gate& gate_;
  NodeNames names_;
  IngestStats stats_;
};

}  // namespace plumbline::collector
