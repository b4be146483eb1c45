// What fuzz_http1_stream and fuzz_http2_stream do with their input: calls of a connection, with losses.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "agent/decode/http_connection.hpp"
#include "tests/fuzz/must.hpp"

namespace plumbline::fuzz {

/// One call that the input describes: two bytes, then the call's own. First: 1 = in, 2 = lost, 4 = half of it copied,
/// 8 = an expiry after it, and its length's high bits; second: the low ones.
struct FuzzCall {
  agent::Direction direction = agent::Direction::out;
  bool is_lost = false, is_cut = false, expires = false;
  std::string bytes;
};

inline std::vector<FuzzCall> calls_of(std::string_view input) {
  std::vector<FuzzCall> calls;
  while (input.size() >= 2) {
    const auto first = static_cast<unsigned char>(input[0]), second = static_cast<unsigned char>(input[1]);
    input.remove_prefix(2);
    const std::size_t size = std::min<std::size_t>((first >> 4) * 256U + second, input.size());
    calls.push_back({(first & 1) != 0 ? agent::Direction::in : agent::Direction::out, (first & 2) != 0,
                     (first & 4) != 0, (first & 8) != 0, std::string(input.substr(0, size))});
    input.remove_prefix(size);
  }
  return calls;
}

inline agent::HttpLimits small_limits() {
  agent::HttpLimits limits;  // small: so that an input gets beyond them
  limits.head_bytes = 1024;
  limits.line_bytes = 32;
  limits.body_bytes = 256;
  limits.connection_bytes = 4096;
  limits.pipelined = 4;
  limits.streams = 4;
  limits.table_bytes = 512;
  limits.continuations = 4;
  return limits;
}

class FuzzTalk {
 public:
  FuzzTalk()
      : connection_(
            small_limits(),
            [](const agent::HttpMessage& head) { return agent::Wanted{head.target == "/ignored", 200, 300}; },
            [this](agent::HttpExchange&& exchange) { check(std::move(exchange)); }, counters_) {}

  /// `most`: calls are fed in pieces of at most so many bytes.
  void feed(const FuzzCall& call, std::size_t most) {
    for (std::size_t at = 0; at < call.bytes.size();) {
      const auto piece = std::string_view(call.bytes).substr(at, most);
      auto& offset = offsets_[call.direction == agent::Direction::out ? 0 : 1];
      if (!call.is_lost)
        connection_.feed(call.direction, offset, static_cast<std::uint32_t>(piece.size()),
                         piece.substr(0, call.is_cut ? piece.size() / 2 : piece.size()), ++now_);
      offset += piece.size();
      at += piece.size();
    }
    if (call.expires) connection_.expire(now_ - 3);
    must(counters_.exchanges + counters_.ignored <= counters_.requests, "no exchange without a request");
  }

  void end() {
    connection_.end(++now_);
    must(connection_.is_dead(), "a connection that was closed is dead");
    must(counters_.exchanges + counters_.ignored == counters_.requests, "each request is delivered once");
    must(counters_.without_response <= counters_.exchanges, "counters agree");
  }

  const std::vector<agent::HttpExchange>& exchanges() const { return exchanges_; }
  const agent::HttpCounters& counters() const { return counters_; }

 private:
  void check(agent::HttpExchange&& exchange) {
    const auto& request = exchange.request;
    must(request.body.size() <= 200 && request.body.size() <= request.body_bytes, "no more is kept than wanted");
    must(request.body_cut || request.body.size() == request.body_bytes, "a cut body says so");
    must(!request.method.empty() || request.unknown_headers, "a request has a method");
    must(request.target != "/ignored", "what is ignored is not delivered");
    must(exchange.first_seen <= exchange.last_seen, "time goes on");
    if (exchange.response) {
      const auto& response = *exchange.response;
      must(response.body.size() <= 256 && response.body.size() <= response.body_bytes, "no more is kept than wanted");
      must(response.body_cut || response.body.size() == response.body_bytes, "a cut body says so");
      must((response.status >= 100 && response.status <= 999) || response.unknown_headers, "a response has a status");
    }
    exchanges_.push_back(std::move(exchange));
  }

  agent::HttpCounters counters_;
  std::vector<agent::HttpExchange> exchanges_;
  std::uint64_t offsets_[2] = {0, 0};
  std::int64_t now_ = 0;
  agent::HttpConnection connection_;
};

inline bool same(const agent::HttpMessage& a, const agent::HttpMessage& b) {
  return a.method == b.method && a.target == b.target && a.host == b.host && a.status == b.status &&
         a.headers == b.headers && a.body == b.body && a.body_bytes == b.body_bytes && a.body_cut == b.body_cut;
}

/// Runs the calls as they are; and once more in small pieces, which must give the same while nothing was lost or
/// refused.
inline void run(const std::vector<FuzzCall>& calls) {
  FuzzTalk whole, pieces;
  for (const auto& call : calls) whole.feed(call, ~std::size_t{0});
  for (const auto& call : calls) pieces.feed(call, 1 + call.bytes.size() % 7);
  whole.end();
  pieces.end();
  const auto is_exact = [](const agent::HttpCounters& counters) {
    return counters.lost_bytes + counters.desyncs + counters.refused + counters.too_long + counters.too_many +
               counters.dead_directions + counters.not_http + counters.unanswerable + counters.upgraded ==
           0;
  };
  const bool expires = std::ranges::any_of(calls, &FuzzCall::expires);
  if (!is_exact(whole.counters()) || !is_exact(pieces.counters()) || expires) return;
  must(whole.exchanges().size() == pieces.exchanges().size(), "pieces give as many exchanges");
  for (std::size_t i = 0; i < whole.exchanges().size(); ++i) {
    const auto &a = whole.exchanges()[i], &b = pieces.exchanges()[i];
    must(a.stream == b.stream && same(a.request, b.request), "pieces give the same requests");
    must(a.response.has_value() == b.response.has_value(), "pieces give the same responses");
    if (a.response) must(same(*a.response, *b.response), "pieces give the same responses");
  }
}

}  // namespace plumbline::fuzz
