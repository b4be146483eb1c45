#include "http/answers.hpp"

#include <ctime>

namespace plumbline::http::detail {

std::string date_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[40];
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return text;
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  for (const char c : name) out += c == '\r' || c == '\n' || c == ':' ? '_' : c;
  out += ": ";
  for (const char c : value) out += c == '\r' || c == '\n' ? ' ' : c;
  out += "\r\n";
}

Response unavailable(std::string what, std::string why, std::string fix, const char* retry_after) {
  return problem(503, {ErrorCode::unavailable, std::move(what), std::move(why), std::move(fix)},
                 {{"Retry-After", retry_after}});
}

Error make_error(ErrorCode code, std::string what, std::string why, std::string fix) {
  return {code, std::move(what), std::move(why), std::move(fix)};
}

Response dropped_answer() {
  return problem(500, {ErrorCode::internal, "answer the request", "the handler dropped it", "report it with the log"});
}

Response failed_handler(const Route& route) {
  return problem(500, {ErrorCode::internal, "answer " + route.method + " " + route.pattern, "the handler failed",
                       "report it with the server's log"});
}

Response not_routed(const Request& request, const RouteMatch& match) {
  const std::string what = request.method + " " + request.path;
  if (match.status == 405)
    return problem(405, invalid(what, "the method is not allowed here", "use " + match.allow),
                   {{"Allow", match.allow}});
  if (match.status == 400)
    return problem(400, invalid(what, "its percent-encoding is broken", "percent-encode it (RFC 3986)"));
  return problem(404, {ErrorCode::not_found, what, "no such resource", "GET /openapi.json lists what there is"});
}

}  // namespace plumbline::http::detail
