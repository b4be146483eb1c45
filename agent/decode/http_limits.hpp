// What one connection may take, and what is counted about all of them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace plumbline::agent {

/// Which way the bytes of a client's connection go.
enum class Direction { out, in };  // requests, responses

struct HttpLimits {
  std::size_t head_bytes = std::size_t{64} * 1024;   ///< of one head, as sent and as decoded
  std::size_t line_bytes = 4096;                     ///< of a chunk's size and extensions
  std::size_t body_bytes = std::size_t{256} * 1024;  ///< of one body, however much is wanted
  std::size_t connection_bytes =
      std::size_t{1024} * 1024;  ///< of all heads and bodies that wait for their exchange to end
  std::size_t total_bytes = std::size_t{64} * 1024 * 1024;   ///< the same of all connections that share their counters
  std::size_t tenant_bytes = std::size_t{16} * 1024 * 1024;  ///< … of those of one tenant, who empties no other's
  std::size_t pipelined = 64;                                ///< HTTP/1.1: requests without an answer
  std::size_t streams = 256;                                 ///< HTTP/2: exchanges at a time
  std::size_t table_bytes = std::size_t{64} * 1024;  ///< HTTP/2: of a direction's HPACK table that are remembered
  std::size_t continuations = 64;                    ///< HTTP/2: CONTINUATION frames of one head
  unsigned refusals = 8;                             ///< heads against the grammar, after which it is no HTTP
  unsigned strange_calls = 64;                       ///< that begin no message, after which it is no HTTP
};

/// Of all connections of one thread. Only ever grow, but held_bytes.
struct HttpCounters {
  std::uint64_t requests = 0;          ///< whose head was read
  std::uint64_t exchanges = 0;         ///< delivered
  std::uint64_t without_response = 0;  ///< of them
  std::uint64_t ignored = 0;           ///< not delivered, as the consumer wished
  std::uint64_t lost_bytes = 0;        ///< that the caller never had
  std::uint64_t overlaps = 0;          ///< calls of which some bytes had been seen before
  std::uint64_t bodies_cut = 0;        ///< less was kept than was wanted
  std::uint64_t desyncs = 0;           ///< times when it was not known any more where the next message begins
  std::uint64_t refused = 0;           ///< heads, blocks and frames against the grammar
  std::uint64_t guessed = 0;           ///< of refused and too long heads, those whose request was told all the same
  std::uint64_t too_long = 0;          ///< heads, lines and header blocks over their limit
  std::uint64_t too_many = 0;          ///< requests and streams over their limit, delivered early
  std::uint64_t unanswerable = 0;      ///< responses of which it cannot be told what they answer
  std::uint64_t unknown_headers = 0;   ///< messages with headers that HPACK could not know
  std::uint64_t lost_heads = 0;        ///< HTTP/2: of streams whose head had lost bytes
  std::uint64_t dead_directions = 0;   ///< given up after a loss or an error, until the connection ends
  std::uint64_t upgraded = 0;          ///< connections that became something else
  std::uint64_t not_http = 0;          ///< connections given up as no HTTP
  std::size_t held_bytes = 0;          ///< gauge: of heads and bodies that wait for their exchange to end
};

}  // namespace plumbline::agent
