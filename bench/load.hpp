// Requests over several connections at once, each sending its next when the last is answered, as agents do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/findings.hpp"

namespace plumbline::bench {

struct Target {
  std::uint16_t port = 0;
  std::string path = "/v1/batches";
  std::vector<std::string> headers = {"Content-Type: application/x-ndjson", "Content-Encoding: zstd"};
};

struct Load {
  double seconds = 0;                   ///< from the first request to the last answer
  std::size_t findings = 0;             ///< of the payloads that were acknowledged (2xx)
  std::vector<std::size_t> acked = {};  ///< their places, in no order
  std::vector<double> ack_ms = {};      ///< sorted
  std::size_t turned_away = 0;          ///< answers 429 and 503, after which the same was sent again
  double rate() const { return seconds > 0 ? static_cast<double>(findings) / seconds : 0; }
  double percentile(double p) const {
    return ack_ms.empty() ? 0 : ack_ms[static_cast<std::size_t>(p * static_cast<double>(ack_ms.size() - 1))];
  }
};

/// Payload i goes over connection i % `connections`, in order. `rate` (findings a second) 0: as fast as answers come.
/// Else each is due at a time of its own, and its acknowledgement's time counts from then, so that a late start is not
/// hidden. A connection that breaks, or an answer that is none of 2xx, 429 and 503, ends that connection's part.
Load send_all(const Target& target, const std::vector<Payload>& payloads, std::size_t connections, double rate);

}  // namespace plumbline::bench
