// What the collector's benchmarks send: findings as agents make them, and Falco events for the peer, each with an id
// that a receiver can count (receiver.cpp).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace plumbline::bench {

/// One request, ready to be sent, and what is in it.
struct Payload {
  std::string body;                                       ///< zstd NDJSON, or one Falco event in JSON
  std::vector<std::pair<std::string, std::string>> rows;  ///< id, body of the record
};

struct PayloadShape {
  std::size_t findings = 200'000;
  std::size_t batch = 500;
  std::size_t agents = 40;  ///< which take turns; each has a sequence of its own
  std::uint64_t first = 1;  ///< of each agent's sequence
};

/// findings / batch requests to POST /v1/batches. Every second finding is of a drift; each agent has 200 resources.
std::vector<Payload> make_batches(const PayloadShape& shape);

/// One event a request, as Falco's http_output sends them; `batch` is not used. The id is the field "uid".
std::vector<Payload> make_falco_events(const PayloadShape& shape);

}  // namespace plumbline::bench
