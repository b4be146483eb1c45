#include "agent/decode/http_connection.hpp"

#include <algorithm>

#include "agent/decode/http1.hpp"
#include "agent/decode/http2.hpp"
#include "agent/decode/http2_wire.hpp"
#include "agent/decode/wipe.hpp"
#include "include/abi/capture.h"

namespace plumbline::agent {
namespace {

enum class Version { http1, http2, neither, too_short };

/// By the first bytes of a call.
Version version_of(Direction direction, std::string_view bytes) {
  if (direction == Direction::out) {
    // Empty lines may come before a request (RFC 9112, section 2.2).
    bytes.remove_prefix(std::min(bytes.find_first_not_of("\r\n"), bytes.size()));
    if (bytes.empty()) return Version::too_short;
    const auto size = std::min(bytes.size(), http2_preface.size());
    if (bytes.substr(0, size) == http2_preface.substr(0, size))
      return size < http2_preface.size() ? Version::too_short : Version::http2;
  }
  const auto word = bytes.substr(0, bytes.find(' '));
  const bool is_method = word.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ-") == std::string_view::npos;
  if (may_begin_head(bytes, direction) && (direction == Direction::in || is_method)) {
    const bool is_short = direction == Direction::in ? bytes.size() < 5 : word.size() == bytes.size();
    return is_short ? Version::too_short : Version::http1;
  }
  if (bytes.size() < http2_header_bytes) return bytes.front() == '\0' ? Version::too_short : Version::neither;
  // The header of a frame: a length below 2^20, a type that exists, no reserved bit.
  const bool is_frame = bytes[0] == '\0' && static_cast<unsigned char>(bytes[1]) < 0x10 &&
                        static_cast<unsigned char>(bytes[3]) <= http2_continuation &&
                        (static_cast<unsigned char>(bytes[5]) & 0x80) == 0;
  return is_frame ? Version::http2 : Version::neither;
}

constexpr std::size_t most_early = 64;         // calls of few bytes
constexpr std::size_t most_early_bytes = 256;  // in all of them; a head needs far less to tell which HTTP it is

std::size_t index_of(Direction direction) {
  return direction == Direction::out ? 0 : 1;
}

}  // namespace

HttpConnection::HttpConnection(const HttpLimits& limits, WantBody want, Deliver deliver, HttpCounters& counters,
                               std::size_t* tenant_held)
    : port_{limits, std::move(want), std::move(deliver), counters, tenant_held} {}

HttpConnection::~HttpConnection() {
  for (auto& early : early_) wipe(early.bytes);
}

void HttpConnection::feed(Direction direction, std::uint64_t offset, std::uint32_t length, std::span<const char> data,
                          std::int64_t at, unsigned part) {
  if (is_dead()) return;
  std::string_view bytes(data.data(), std::min<std::size_t>(data.size(), length));
  auto& next = next_[index_of(direction)];
  if (offset > next) {
    lose(direction, offset - next, at);
    next = offset;
  }
  const std::uint64_t seen = next - offset;
  if (seen > 0) ++port_.counters.overlaps;
  if (seen >= length) return;
  next = offset + length;
  const bool is_whole = bytes.size() == length;
  bytes.remove_prefix(static_cast<std::size_t>(std::min<std::uint64_t>(seen, bytes.size())));
  const bool begins = seen == 0 && (part & CAPTURE_CONTINUES) == 0, ends = is_whole && (part & CAPTURE_GOES_ON) == 0;
  if (!bytes.empty()) take(direction, {bytes, begins, ends, at});
  const std::uint64_t missing = length - std::max<std::uint64_t>(seen, std::min<std::size_t>(data.size(), length));
  if (missing > 0) lose(direction, missing, at);
}

void HttpConnection::take(Direction direction, const Piece& piece) {
  if (is_dead()) return;
  if (!engine_) return decide(direction, piece);
  const std::size_t used = engine_->take(direction, piece);
  if (used < piece.bytes.size() || engine_->is_dead())
    upgrade(direction, {piece.bytes.substr(used), false, piece.ends_call, piece.at});
}

void HttpConnection::lose(Direction direction, std::uint64_t bytes, std::int64_t at) {
  port_.counters.lost_bytes += bytes;
  if (engine_) return engine_->lose(direction, bytes, at);
  if (early_.empty())
    was_missed_[index_of(direction)] = true;
  else if (auto& last = early_.back(); last.lost > 0 && last.direction == direction)
    last.lost += bytes;
  else
    early_.push_back({direction, {}, false, false, bytes, at});
}

void HttpConnection::decide(Direction direction, const Piece& piece) {
  std::string first;  // what came in this direction so far: a few bytes, and the piece
  std::size_t held = piece.bytes.size();
  for (const auto& early : early_) {
    held += early.bytes.size();
    if (early.direction == direction) first += early.bytes;
  }
  first.append(piece.bytes.substr(0, http2_preface.size() + 16));
  const auto version = version_of(direction, first);
  wipe(first);
  const bool is_crowded = version == Version::too_short && held > most_early_bytes;
  if (version == Version::neither || is_crowded || early_.size() >= most_early) {
    for (auto& early : early_) {
      was_missed_[index_of(early.direction)] = true;
      wipe(early.bytes);
    }
    early_.clear();
    was_missed_[index_of(direction)] = true;
    if (++strange_ < port_.limits.strange_calls) return;
    ++port_.counters.not_http;
    is_dead_ = true;
    return;
  }
  if (version == Version::too_short) {
    early_.push_back({direction, std::string(piece.bytes), piece.begins_call, piece.ends_call, 0, piece.at});
    return;
  }
  if (version == Version::http1)
    begin(std::make_unique<Http1>(port_));
  else
    begin(std::make_unique<Http2>(port_));
  take(direction, piece);
}

void HttpConnection::begin(std::unique_ptr<HttpEngine> engine) {
  engine_ = std::move(engine);
  for (const auto direction : {Direction::out, Direction::in})
    if (was_missed_[index_of(direction)]) engine_->lose(direction, 1, 0);
  for (auto& early : std::exchange(early_, {})) {
    if (early.lost > 0)
      engine_->lose(early.direction, early.lost, early.at);
    else
      engine_->take(early.direction, {early.bytes, early.begins_call, early.ends_call, early.at});
    wipe(early.bytes);
  }
}

void HttpConnection::upgrade(Direction direction, const Piece& rest) {
  auto* http1 = dynamic_cast<Http1*>(engine_.get());
  auto open = http1 != nullptr ? http1->take_upgraded() : nullptr;
  if (!open) return;
  http1->end(rest.at);
  auto http2 = std::make_unique<Http2>(port_);
  http2->adopt(std::move(*open));
  engine_ = std::move(http2);
  if (!rest.bytes.empty()) take(direction, rest);
}

void HttpConnection::end(std::int64_t at) {
  if (engine_) engine_->end(at);
  is_dead_ = true;
}

void HttpConnection::expire(std::int64_t before) {
  if (engine_) engine_->expire(before);
}

bool HttpConnection::is_dead() const {
  return is_dead_ || (engine_ && engine_->is_dead());
}

}  // namespace plumbline::agent
