// HTTP exchanges as they were seen on a connection, whichever version of HTTP it speaks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plumbline::agent {

/// Name in lower case, value as it was sent.
using HttpHeader = std::pair<std::string, std::string>;

/// Request or response. Owns all that it says; wiped when it is let go, for headers and bodies hold credentials and
/// other secrets. Not covered: copies that a consumer makes, and registers and stack slots that a copy went through.
struct HttpMessage {
  std::string method;  ///< of a request, in its own case; "" = unknown
  std::string target;  ///< of a request: path and query as sent (RFC 9112, section 3.2; `:path`); "" = unknown
  std::string host;    ///< Host, or `:authority`, or the authority of an absolute target; with port; "" = unknown
  int status = 0;      ///< of a response; 0 = unknown
  std::vector<HttpHeader>
      headers;                   ///< in their order, trailers of HTTP/2 at the end; no pseudo-headers (RFC 9113, 8.3)
  std::string body;              ///< its first bytes without a hole, as many as were wanted; not decoded
  std::uint64_t body_bytes = 0;  ///< of content that passed, whether kept, unwanted or lost
  bool body_cut = false;         ///< there was more of it than `body`, or its end was not seen
  bool unknown_headers = false;  ///< some are left out: HPACK refers to what was not seen, or there was no room

  HttpMessage() = default;
  HttpMessage(HttpMessage&& other) noexcept;
  HttpMessage& operator=(HttpMessage&& other) noexcept;
  ~HttpMessage() { wipe_all(); }

  void add_header(std::string_view name, std::string_view value);
  /// Of the first header of this lower-case name; "" where there is none.
  std::string_view header(std::string_view name) const;

 private:
  void take(HttpMessage& other) noexcept;
  void wipe_all() noexcept;
};

struct HttpExchange {
  HttpMessage request;
  std::optional<HttpMessage> response;  ///< none was seen, or it cannot be told which it was
  std::uint64_t stream = 0;             ///< HTTP/2: stream identifier; HTTP/1.1: running number of the request, from 1
  std::int64_t first_seen = 0;          ///< boot ns: the call in which the request's head became whole
  std::int64_t last_seen = 0;           ///< boot ns: the last call that belongs to it
  std::uint8_t taken_by = 0;            ///< enum capture_call: the kind of function that the request was given to
};

/// What the consumer wants of an exchange, told from its request's head.
struct Wanted {
  bool ignore = false;             ///< nothing of it; it is not delivered
  std::size_t request_bytes = 0;   ///< of the request's body
  std::size_t response_bytes = 0;  ///< of the response's
};

}  // namespace plumbline::agent
