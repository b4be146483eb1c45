#include "agent/decode/http_engine.hpp"

#include <algorithm>

#include "agent/decode/wipe.hpp"

namespace plumbline::agent {
namespace {

std::size_t head_size(const HttpMessage& message) {
  std::size_t size = message.target.size() + message.host.size();
  for (const auto& [name, value] : message.headers) size += name.size() + value.size() + sizeof(HttpHeader);
  return size;
}

}  // namespace

HttpKeep::~HttpKeep() {
  uncount(held_);
}

void HttpKeep::count(std::size_t bytes) {
  held_ += bytes;
  port_.counters.held_bytes += bytes;
  if (port_.tenant_held != nullptr) *port_.tenant_held += bytes;
}

void HttpKeep::uncount(std::size_t bytes) {
  held_ -= bytes;
  port_.counters.held_bytes -= bytes;
  if (port_.tenant_held != nullptr) *port_.tenant_held -= bytes;
}

bool HttpKeep::hold(OpenExchange& open, std::size_t bytes) {
  open.held += bytes;
  count(bytes);
  return held_ <= port_.limits.connection_bytes && port_.counters.held_bytes <= port_.limits.total_bytes &&
         (port_.tenant_held == nullptr || *port_.tenant_held <= port_.limits.tenant_bytes);
}

void HttpKeep::adopt(const OpenExchange& open) {
  count(open.held);
}

std::size_t HttpKeep::room() const {
  const auto left = [](std::size_t limit, std::size_t held) { return limit - std::min(limit, held); };
  const auto of_all =
      std::min(left(port_.limits.connection_bytes, held_), left(port_.limits.total_bytes, port_.counters.held_bytes));
  return port_.tenant_held == nullptr ? of_all : std::min(of_all, left(port_.limits.tenant_bytes, *port_.tenant_held));
}

bool HttpKeep::open(OpenExchange& open) {
  ++port_.counters.requests;
  if (open.exchange.request.unknown_headers) ++port_.counters.unknown_headers;
  open.wanted = port_.want(open.exchange.request);
  if (open.wanted.ignore) {
    ++port_.counters.ignored;
    open.is_told = true;
    open.exchange.request = {};
    return true;
  }
  return hold(open, head_size(open.exchange.request));
}

bool HttpKeep::answer(OpenExchange& open, HttpMessage&& response) {
  const bool fits = open.is_told || hold(open, head_size(response));
  open.exchange.response = std::move(response);
  return fits;
}

void HttpKeep::add_body(OpenExchange& open, HttpMessage& message, std::string_view bytes, std::size_t wanted) {
  message.body_bytes += bytes.size();
  if (message.body_cut || open.is_told) return;
  const auto& limits = port_.limits;
  const auto kept = bytes.substr(0, std::min(std::min(wanted, limits.body_bytes) - message.body.size(), room()));
  append_wiping(message.body, kept);
  hold(open, kept.size());
  if (kept.size() == bytes.size()) return;
  message.body_cut = true;
  if (message.body.size() < wanted) ++port_.counters.bodies_cut;
}

void HttpKeep::lose_body(HttpMessage& message, std::uint64_t bytes) {
  message.body_bytes += bytes;
  message.body_cut = true;  // and so nothing behind the hole is kept
}

void HttpKeep::close(OpenExchange& open, bool with_response) {
  uncount(open.held);
  open.held = 0;
  auto& exchange = open.exchange;
  if (!with_response) exchange.response.reset();
  if (open.is_told) {
    exchange.response.reset();
    return;
  }
  open.is_told = true;
  if (!open.is_request_whole) exchange.request.body_cut = true;
  if (!open.is_response_whole && exchange.response) exchange.response->body_cut = true;
  ++port_.counters.exchanges;
  if (!exchange.response) ++port_.counters.without_response;
  if (exchange.response && exchange.response->unknown_headers) ++port_.counters.unknown_headers;
  HttpExchange delivered = std::move(exchange);
  exchange = {};
  port_.deliver(std::move(delivered));
}

}  // namespace plumbline::agent
