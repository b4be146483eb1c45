// The small synchronous client of the command line: one connection a request, over a Unix socket, TCP or TLS. The
// agent's exporter and the collector's sinks have cpp-httplib instead (docs/decisions).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "http/message.hpp"
#include "http/sse.hpp"
#include "include/util/result.hpp"

namespace plumbline::http {

/// Where a server is: "unix:/run/plumbline/agent.sock", "http://127.0.0.1:9640" or "https://collector:9650".
struct Endpoint {
  std::string text;  ///< as given, for messages
  std::string unix_path;
  bool tls = false;
  std::string host;  ///< brackets of IPv6 removed
  std::string port;
};
/// `invalid_argument` for anything else, a path behind the port included.
Result<Endpoint> parse_endpoint(const std::string& url);

struct ClientOptions {
  std::chrono::milliseconds timeout{10'000};         ///< connecting and answering, each
  std::chrono::milliseconds stream_silence{45'000};  ///< of a stream: three pings missed
  std::size_t max_body = 64 << 20;
  std::string ca_file;           ///< PEM; "" = the system's
  std::string certificate_file;  ///< PEM of our own, and its key's in `key_file`; "" = none is shown
  std::string key_file;
  std::string bearer_token;
};

/// Errors: `permission` where the socket or address refuses this user, `corrupt` where the CA file cannot be used,
/// `unavailable` where nobody answers, answers in time, or in HTTP. Statuses of 400 and more are no error of these.
class Client {
 public:
  explicit Client(Endpoint endpoint, ClientOptions options = {});

  Result<Response> get(const std::string& target) const;
  /// With a JSON text as its body.
  Result<Response> post(const std::string& target, std::string json) const;
  /// A DELETE.
  Result<Response> remove(const std::string& target) const;

  struct StreamCalls {
    std::function<void()> on_open;                  ///< the server has answered 200; may be empty
    std::function<bool(const SseEvent&)> on_event;  ///< false ends the stream
    std::function<void(const std::string&)> on_id;  ///< the id to resume from, whenever it may have moved; may be empty
  };
  /// Reads events until on_event() returns false (success), the server ends the stream or is silent (`unavailable`), or
  /// `limit` has passed (`unavailable`; 0 = none). `last_event_id` "" = from now on. An answer other than 200 is
  /// error_of() it.
  Result<void> stream(const std::string& target, const std::string& last_event_id, const StreamCalls& calls,
                      std::chrono::milliseconds limit = {}) const;

  const Endpoint& endpoint() const { return endpoint_; }

 private:
  Endpoint endpoint_;
  ClientOptions options_;
};

}  // namespace plumbline::http
