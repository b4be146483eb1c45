// A small HTTP/1.1 server for the agent's and the collector's API: TCP and Unix sockets, routes, problem documents,
// server-sent events, limits that are all counted. Beast stays inside the .cpp files.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.hpp"
#include "include/util/result.hpp"

namespace plumbline::http {

/// Where a Unix socket is listened on too, a quarter of `max_connections`, `max_streams` and `answer_bytes` is kept for
/// it: TCP gets no more of what is three quarters in use, so whoever reaches a port cannot shut out whoever may use the
/// socket.
struct ServerOptions {
  unsigned threads = 1;               ///< handlers run on these; one connection never runs on two at once
  std::size_t max_connections = 256;  ///< past it: one that waits for a request is ended, or else 503 and close
  std::size_t max_streams = 32;       ///< of the connections; past it: 503
  /// Of all answers that wait to be written, over all connections; past it: 503. An answer of a page or less (4 KiB),
  /// or with which no other of its kind of listener waits, always goes out; so does one to a request that is no GET,
  /// as what it asked for is done. What streams write is not counted: one chunk each.
  std::size_t answer_bytes = 32 << 20;
  std::size_t header_limit = 16 << 10;
  std::size_t stream_chunk = 64 << 10;              ///< what StreamResponse::next is asked for
  std::chrono::milliseconds header_timeout{5'000};  ///< from the first byte of a request to the end of its header
  std::chrono::milliseconds body_timeout{30'000};
  std::chrono::milliseconds idle_timeout{60'000};    ///< between two requests of a connection
  std::chrono::milliseconds write_timeout{30'000};   ///< for one response or one chunk of a stream
  std::chrono::milliseconds answer_timeout{60'000};  ///< for a Responder; then 503
  std::chrono::milliseconds ping_interval{15'000};
  std::chrono::milliseconds drain_timeout{5'000};  ///< what stop() waits for answers under way
};

struct RouteOptions {
  std::size_t body_limit = 0;  ///< bytes; a longer body is refused with 413, before it is read where its length is told
  Need need = Need::admin;     ///< for the guard, where there is one
};

/// Since start; `connections`, `streams` and `answer_bytes` are of now.
struct ServerStats {
  std::uint64_t connections = 0;
  std::uint64_t streams = 0;
  std::uint64_t answer_bytes = 0;  ///< of answers that wait to be written
  std::uint64_t accepted = 0;
  std::uint64_t accept_errors = 0;
  std::uint64_t refused_connections = 0;  ///< past max_connections
  std::uint64_t evicted_connections = 0;  ///< ended to make room: their clients had asked for nothing
  std::uint64_t refused_streams = 0;      ///< past max_streams
  std::uint64_t refused_answers = 0;      ///< past answer_bytes
  std::uint64_t requests = 0;
  std::uint64_t responses_2xx = 0;
  std::uint64_t responses_4xx = 0;
  std::uint64_t responses_5xx = 0;
  std::uint64_t bad_requests = 0;  ///< not HTTP, or HTTP that could be read in two ways
  std::uint64_t bad_hosts = 0;     ///< refused by the Host check
  std::uint64_t header_too_large = 0;
  std::uint64_t body_too_large = 0;
  std::uint64_t timeouts = 0;  ///< header, body or write; the end of an idle connection is not counted
  std::uint64_t answer_timeouts = 0;
  std::uint64_t handler_failures = 0;  ///< exceptions, and Responders dropped without a call
  std::uint64_t stream_bytes = 0;
  std::uint64_t tls_failures = 0;  ///< handshakes that came to nothing: no TLS, or a certificate that is not ours
  std::uint64_t tls_expired_certificates = 0;    ///< of them: the client's is over, or not valid yet
  std::uint64_t tls_untrusted_certificates = 0;  ///< of them: the client's is of another authority, or damaged
};

/// Prometheus text of `stats`, every name beginning with `prefix` ("plumbline_api" → "plumbline_api_requests_total").
std::string metrics_text(const ServerStats& stats, std::string_view prefix);

/// One listed route, for checks against an OpenAPI document.
struct RouteInfo {
  std::string method;
  std::string pattern;
};

/// Set up on one thread (routes, then listeners, then start()); after start() only stop() and stats() are called.
/// Every request on a loopback TCP listener must name localhost, 127.0.0.1 or [::1] as its Host (against DNS
/// rebinding); other TCP listeners and Unix sockets take any.
class Server {
 public:
  explicit Server(ServerOptions options = {});
  ~Server();  ///< stops
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// `pattern`: literal segments, "{name}" for one segment, "{name...}" as the last for the whole rest, slashes
  /// included. Literal beats parameter. GET routes answer HEAD too. Handlers must not block: work that waits is for
  /// route_async().
  void route(std::string method, std::string pattern, Handler handler, RouteOptions options = {});
  void route_async(std::string method, std::string pattern, AsyncHandler handler, RouteOptions options = {});
  void route_stream(std::string method, std::string pattern, StreamHandler handler, RouteOptions options = {});
  /// Asked about every request whose route needs something. Without one all are served.
  void set_guard(Guard guard);
  std::vector<RouteInfo> routes() const;

  /// `host`: a numeric address or a name of this machine; `port` 0 = any free one. Returns the bound port.
  Result<std::uint16_t> listen_tcp(const std::string& host, std::uint16_t port);
  /// The same, by TLS alone. Any Host is taken: a certificate is for names that its clients check.
  Result<std::uint16_t> listen_tls(const std::string& host, std::uint16_t port, std::shared_ptr<ServerTls> tls);

  /// Binds `path` with exactly `mode` (never wider, not even for a moment). A socket left behind is replaced only if
  /// nobody answers on it; anything else at `path` is an error. stop() removes the file if it is still ours.
  Result<void> listen_unix(const std::string& path, unsigned mode = 0660);

  /// Runs the threads. Connections made since listen_*() wait in the kernel's queue until now.
  void start();
  /// Accepts no more, ends idle connections and streams, waits up to drain_timeout for answers under way, cuts the
  /// rest. Returns when every thread has ended; a handler that blocks delays it. Repeatable; not from a handler.
  void stop();

  ServerStats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace plumbline::http
