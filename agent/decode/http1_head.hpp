// Heads of HTTP/1.1 messages (RFC 9112) and what they say about their bodies.
#pragma once

#include <optional>
#include <string_view>

#include "agent/decode/http1_body.hpp"
#include "agent/decode/http_limits.hpp"
#include "agent/decode/http_message.hpp"

namespace plumbline::agent {

struct Http1Head {
  HttpMessage message;
  BodyFraming framing;  ///< as far as the head tells: whether a response has a body also depends on its request
  bool expects_continue = false;  ///< RFC 9110, section 10.1.1
  bool upgrades_to_h2c = false;
};

/// `head` ends with its empty line. Nothing where it is against the grammar, or where RFC 9112 lets a server refuse it:
/// folded lines (5.2), bare CR (2.2), no Host or several (3.2), a body of two lengths (6.1, 6.3).
std::optional<Http1Head> parse_http1_head(std::string_view head, Direction direction, std::size_t limit);

/// What a server that is less strict may make of a request's head that the above refuses, or of as much as came of one
/// that is too long: line ends without CR, folded lines, blanks around names, lengths that contradict each other. Its
/// framing is unknown. Nothing where there is no request line of HTTP/1.
std::optional<Http1Head> guess_http1_request(std::string_view head);

/// Whether these bytes, few as they may be, can be the beginning of a head.
bool may_begin_head(std::string_view bytes, Direction direction);
/// Whether they begin with a whole request line of a common method, or a status line.
bool begins_with_start_line(std::string_view bytes, Direction direction);

/// How a response ends (RFC 9112, section 6.3).
BodyFraming response_framing(const Http1Head& response, std::string_view request_method);

}  // namespace plumbline::agent
