// What the server says on its own account. Private to http/. Plain functions: g++ 12 miscompiles an initializer list
// inside a co_await expression.
#pragma once

#include <string>
#include <string_view>

#include "http/message.hpp"
#include "http/router.hpp"

namespace plumbline::http::detail {

/// Now, as a Date field has it (RFC 9110, 5.6.7).
std::string date_now();

/// Header values come from handlers: a line break in one would begin a new header.
void append_header(std::string& out, std::string_view name, std::string_view value);

/// 503, with a Retry-After in seconds.
Response unavailable(std::string what, std::string why, std::string fix, const char* retry_after);
Error make_error(ErrorCode code, std::string what, std::string why, std::string fix);
/// 500: the handler let go of its Responder.
Response dropped_answer();
/// 500: the handler threw.
Response failed_handler(const Route& route);
/// 404, 405 or 400, as `match` says.
Response not_routed(const Request& request, const RouteMatch& match);

}  // namespace plumbline::http::detail
