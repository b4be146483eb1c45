// What a handler gets and what it gives: plain data, no Beast.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "http/server_tls.hpp"
#include "include/util/result.hpp"

namespace plumbline::http {

/// Header fields or query parameters in the order in which they came. Names of headers compare without case.
using Fields = std::vector<std::pair<std::string, std::string>>;

/// The first field of that name, ignoring ASCII case; nullptr where there is none.
const std::string* find_field(const Fields& fields, std::string_view name);

/// Who connected to a Unix socket, as the kernel says (SO_PEERCRED): in this process' own pid namespace.
struct PeerProcess {
  std::uint32_t pid = 0;
  std::uint32_t uid = 0;
};

/// What a route asks of who uses it; a Guard decides who may what.
enum class Need : std::uint8_t { admin, read, report, nothing };

/// Who asks, as the server's Guard found out.
struct Caller {
  std::string name;                ///< for people and logs: "web-1 (certificate)"; never a secret
  bool any_node = false;           ///< it may speak for every node …
  std::vector<std::string> nodes;  ///< … or for the one that has these names

  bool may_speak_for(std::string_view node) const {
    return any_node || std::find(nodes.begin(), nodes.end(), node) != nodes.end();
  }
};

/// One request, whole: the body has been read within the route's limit.
struct Request {
  std::string method;                         ///< "GET"; a HEAD request reaches the GET handler as "GET"
  std::string target;                         ///< as sent, for logs: may hold any byte but control characters
  std::string path;                           ///< target without the query, still percent-encoded
  std::map<std::string, std::string> params;  ///< of the route's {name} parts, percent-decoded
  Fields query;                               ///< percent-decoded, "+" is a space
  Fields headers;
  std::string body;
  std::shared_ptr<const ClientCertificate> certificate;  ///< that the client was verified by; nullptr: by none
  bool is_encrypted = false;                             ///< it came by TLS
  std::shared_ptr<const Caller> caller;                  ///< nullptr: the server has no Guard
  std::string peer;  ///< "127.0.0.1:4711", or "unix:pid=17,uid=0" as the kernel says (SO_PEERCRED)
  std::optional<PeerProcess> peer_process;  ///< of a Unix socket; nullopt on TCP

  const std::string* header(std::string_view name) const { return find_field(headers, name); }
  /// The token that it comes with (RFC 6750, 2.1); "" = none.
  std::string bearer() const;
};

/// `body` is sent with its Content-Length. Without a Content-Type of its own it is "application/json".
struct Response {
  int status = 200;
  Fields headers;
  std::string body;
};

/// A response that does not end (server-sent events). Both functions are called on the server's threads, never at once
/// for one stream; they must not block.
///
/// `next(max_bytes)`: the next whole events (sse_event()), about `max_bytes` at most; "" = nothing now. It is asked
/// again only when what it gave is in the socket, so that a slow reader costs one chunk of memory and no queue.
/// `subscribe(wake)`: called once before the first next(); `wake` may be called from any thread, at any time, even
/// after the stream's end. Dropping the returned handle unsubscribes; the server drops it at the stream's end.
struct StreamResponse {
  std::function<std::string(std::size_t max_bytes)> next;
  std::function<std::shared_ptr<void>(std::function<void()> wake)> subscribe;
  Fields headers;
};

namespace detail {
struct Pending;
}

/// Answers one request later, from any thread, exactly once: the first call counts, later ones return false and do
/// nothing. Where every copy dies without a call, the client gets 500. May outlive the connection and the server.
class Responder {
 public:
  explicit Responder(std::shared_ptr<detail::Pending> pending) : pending_(std::move(pending)) {}
  bool operator()(Response response) const;

 private:
  std::shared_ptr<detail::Pending> pending_;
};

/// `caller`: the request goes on as his; nullptr: `refusal` is the answer.
struct Admission {
  std::shared_ptr<const Caller> caller;
  Response refusal;
};

/// Decides about a request before its body is read, and so without it and without Request::params. Calls `admit` once,
/// at once or later, on any thread; it may outlive the connection.
using Guard = std::function<void(const Request& request, Need need, std::function<void(Admission)> admit)>;

using Handler = std::function<Response(const Request&)>;
using AsyncHandler = std::function<void(Request, Responder)>;
using StreamHandler = std::function<std::variant<Response, StreamResponse>(const Request&)>;

/// The HTTP status an error stands for: invalid_argument 400, permission 403, not_found 404, unsupported 501,
/// unavailable 503, everything else 500.
int status_of(ErrorCode code);
std::string_view reason_of(int status);

/// RFC 9457 problem document: type ("urn:plumbline:problem:<code>"), title, status, detail, what, why, fix.
Response problem(int status, const Error& error, Fields headers = {});
inline Response problem(const Error& error) {
  return problem(status_of(error.code), error);
}

/// The other way round, for clients: what an answer of 400 and more says in its problem document, or its status where
/// it has none. `what` is what the client was doing.
Error error_of(const Response& response, std::string what);

/// JSON text as it is.
Response json_response(std::string json, int status = 200);
Response text_response(std::string text, std::string content_type = "text/plain; charset=utf-8", int status = 200);

/// One server-sent event. `id` and `event` hold no newline; a newline in `data` makes a further "data:" line.
std::string sse_event(std::string_view id, std::string_view event, std::string_view data);

}  // namespace plumbline::http
