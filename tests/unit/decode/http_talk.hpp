// A connection that is listened to, told call by call, and what came of it on one line an exchange.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/decode/http_connection.hpp"

namespace plumbline::agent {

inline std::string shown(const HttpMessage& message) {
  return "[" + message.body + "]" + (message.body_cut ? "~" : "") + (message.unknown_headers ? "?" : "");
}

/// "1 GET host/path [body] -> 200 [body]"; "~" = cut, "?" = unknown headers.
inline std::string shown(const HttpExchange& exchange) {
  const auto& request = exchange.request;
  return std::to_string(exchange.stream) + " " + request.method + " " + request.host + request.target + " " +
         shown(request) + " -> " +
         (exchange.response ? std::to_string(exchange.response->status) + " " + shown(*exchange.response) : "none");
}

class Talk {
 public:
  Talk() : Talk(HttpLimits{}) {}
  explicit Talk(const HttpLimits& limits, Wanted wanted = {false, 4096, 4096})
      : connection(
            limits, [wanted](const HttpMessage&) { return wanted; },
            [this](HttpExchange&& exchange) {
              lines.push_back(shown(exchange));
              exchanges.push_back(std::move(exchange));
            },
            counters) {}

  Talk& call(Direction direction, std::string_view bytes, std::size_t kept = std::string_view::npos) {
    auto& at = offsets[direction == Direction::out ? 0 : 1];
    const auto data = bytes.substr(0, kept);
    connection.feed(direction, at, static_cast<std::uint32_t>(bytes.size()), data, ++now);
    at += bytes.size();
    return *this;
  }
  Talk& out(std::string_view bytes) { return call(Direction::out, bytes); }
  Talk& in(std::string_view bytes) { return call(Direction::in, bytes); }
  /// A call that nobody saw.
  Talk& lose(Direction direction, std::size_t bytes) {
    offsets[direction == Direction::out ? 0 : 1] += bytes;
    return *this;
  }
  Talk& lose_out(std::size_t bytes) { return lose(Direction::out, bytes); }
  Talk& lose_in(std::size_t bytes) { return lose(Direction::in, bytes); }
  std::vector<std::string>& end() {
    connection.end(++now);
    return lines;
  }

  HttpCounters counters;
  std::vector<std::string> lines;
  std::vector<HttpExchange> exchanges;
  std::uint64_t offsets[2] = {0, 0};
  std::int64_t now = 0;
  HttpConnection connection;
};

}  // namespace plumbline::agent
