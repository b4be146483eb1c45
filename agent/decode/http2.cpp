#include "agent/decode/http2.hpp"

#include "agent/decode/http2_block.hpp"
#include "agent/decode/http2_wire.hpp"

namespace plumbline::agent {

Http2::Http2(HttpPort& port)
    : port_(port), keep_(port), out_(Direction::out, port, *this), in_(Direction::in, port, *this) {}

Http2::~Http2() = default;

std::size_t Http2::take(Direction direction, const Piece& piece) {
  now_ = piece.at;
  side(direction).frames.take(piece);
  return piece.bytes.size();
}

void Http2::lose(Direction direction, std::uint64_t bytes, std::int64_t at) {
  now_ = at;
  side(direction).frames.lose(bytes);
}

void Http2::end(std::int64_t at) {
  now_ = at;
  close_all();
}

void Http2::expire(std::int64_t before) {
  for (auto at = streams_.begin(); at != streams_.end();) {
    const auto& exchange = at->second.exchange;
    const auto stream = (at++)->first;
    if ((exchange.response ? exchange.last_seen : exchange.first_seen) < before) close(stream);
  }
}

bool Http2::is_dead() const {
  return out_.frames.is_dead() && streams_.empty();
}

void Http2::adopt(OpenExchange&& open) {
  last_stream_ = 1;
  auto& adopted = streams_[1] = std::move(open);
  adopted.exchange.stream = 1;
  adopted.is_request_whole = true;
  keep_.adopt(adopted);
}

void Http2::on_joined_late(Direction direction) {
  side(direction).hpack.forget();
  // A client's preface is seen first where a connection is seen from its beginning.
  if (direction == Direction::out) in_.hpack.forget();
  for (auto& [stream, open] : streams_) open.is_head_missed = true;
}

void Http2::on_block(Direction direction, const Http2Block& block) {
  if (block.is_damaged) {
    side(direction).hpack.forget();
    if (!block.is_promise) ++port_.counters.lost_heads;
  }
  if (block.is_promise) {  // of a response that nobody asked for; its fields are in the table all the same
    if (!block.is_damaged && !read_http2_block(in_.hpack, block.bytes, Direction::out, 0).is_readable)
      in_.frames.die(port_.counters.refused);
    return;
  }
  direction == Direction::out ? on_request_block(block) : on_response_block(block);
}

void Http2::on_request_block(const Http2Block& block) {
  Http2Fields fields;
  if (!block.is_damaged) fields = read_http2_block(out_.hpack, block.bytes, Direction::out, port_.limits.head_bytes);
  if (!fields.is_readable) return out_.frames.die(port_.counters.refused);
  if (auto* open = find(block.stream); open != nullptr) {  // trailers
    auto& request = open->exchange.request;
    if (block.is_damaged || fields.message.unknown_headers) request.unknown_headers = true;
    if (!fields.is_malformed && !fields.has_pseudo)
      for (const auto& [name, value] : fields.message.headers) request.add_header(name, value);
    if (block.ends_stream) on_stream_end(Direction::out, block.stream);
    return;
  }
  // Streams are opened in their order (section 5.1.1): trailers of one that was given up open none.
  if (block.stream <= last_stream_ || block.stream % 2 == 0) return;
  last_stream_ = block.stream;
  if (block.is_damaged) return;
  const auto& head = fields.message;
  const bool is_complete = !head.method.empty() && (!head.target.empty() || head.method == "CONNECT");
  if (fields.is_malformed || !(is_complete || head.unknown_headers)) {
    ++port_.counters.refused;
    return;
  }
  // Of a stream that is older than what we saw, these may be the trailers; and nobody could use it.
  if (head.method.empty() && head.target.empty()) {
    ++port_.counters.lost_heads;
    return;
  }
  open_stream(block.stream, std::move(fields.message));
  if (block.ends_stream) on_stream_end(Direction::out, block.stream);
}

void Http2::open_stream(std::uint32_t stream, HttpMessage&& request) {
  if (streams_.size() >= port_.limits.streams) {
    ++port_.counters.too_many;
    close(streams_.begin()->first);
  }
  OpenExchange open;
  open.exchange.request = std::move(request);
  open.exchange.stream = stream;
  open.exchange.first_seen = open.exchange.last_seen = now_;
  const bool has_room = keep_.open(open);
  if (open.wanted.ignore) return;
  streams_[stream] = std::move(open);
  if (has_room) return;
  ++port_.counters.too_many;
  close(stream);
}

void Http2::on_response_block(const Http2Block& block) {
  Http2Fields fields;
  if (!block.is_damaged) fields = read_http2_block(in_.hpack, block.bytes, Direction::in, port_.limits.head_bytes);
  if (!fields.is_readable) return in_.frames.die(port_.counters.refused);
  auto* open = find(block.stream);
  if (open == nullptr) return;
  open->exchange.last_seen = now_;
  auto& response = open->exchange.response;
  if (fields.is_malformed) {
    ++port_.counters.refused;
    response.reset();
    return close(block.stream);
  }
  // An interim response (section 8.1) is none. One whose status is unknown may have been interim: the next that has one
  // is the response.
  const bool is_interim = fields.message.status / 100 == 1 && !block.ends_stream;
  const bool is_head = fields.has_pseudo || (fields.message.unknown_headers && !response && !open->is_head_missed);
  if (!block.is_damaged && !is_interim) {
    if (is_head && (!response || response->status == 0)) {
      if (!keep_.answer(*open, std::move(fields.message))) {
        ++port_.counters.too_many;
        return close(block.stream);
      }
    } else if (!is_head && response) {
      response->unknown_headers |= fields.message.unknown_headers;
      for (const auto& [name, value] : fields.message.headers) response->add_header(name, value);
    }
  }
  if (block.is_damaged && response) response->unknown_headers = true;
  if (block.is_damaged && !response) open->is_head_missed = true;
  if (block.ends_stream) on_stream_end(Direction::in, block.stream);
}

HttpMessage* Http2::body_of(Direction direction, OpenExchange& open) {
  if (direction == Direction::out) return &open.exchange.request;
  return open.exchange.response ? &*open.exchange.response : nullptr;
}

void Http2::on_data(Direction direction, std::uint32_t stream, std::string_view data) {
  auto* open = find(stream);
  if (open == nullptr || (direction == Direction::out && open->is_request_whole)) return;
  open->exchange.last_seen = now_;
  const auto wanted = direction == Direction::out ? open->wanted.request_bytes : open->wanted.response_bytes;
  if (auto* message = body_of(direction, *open); message != nullptr)
    keep_.add_body(*open, *message, data, wanted);
  else
    open->is_head_missed = true;
}

void Http2::on_data_lost(Direction direction, std::uint32_t stream, std::uint64_t bytes) {
  auto* open = find(stream);
  if (open == nullptr) return;
  if (auto* message = body_of(direction, *open); message != nullptr) HttpKeep::lose_body(*message, bytes);
}

void Http2::on_stream_end(Direction direction, std::uint32_t stream) {
  auto* open = find(stream);
  if (open == nullptr) return;
  open->exchange.last_seen = now_;
  if (direction == Direction::in) {
    open->is_response_whole = true;
    return close(stream);
  }
  open->is_request_whole = true;
  if (in_.frames.is_dead()) close(stream);
}

void Http2::on_reset(Direction, std::uint32_t stream) {
  if (auto* open = find(stream); open != nullptr) {
    open->exchange.last_seen = now_;
    close(stream);
  }
}

void Http2::on_goaway(Direction direction, std::uint32_t last_stream) {
  if (direction == Direction::out) return;  // about streams that a server opens
  while (!streams_.empty() && streams_.rbegin()->first > last_stream) close(streams_.rbegin()->first);
}

void Http2::on_dead(Direction direction) {
  // Requests whose end will not be seen wait for their answers; those whose answers will not be seen wait for nothing.
  if (direction == Direction::out) return;
  for (auto at = streams_.begin(); at != streams_.end();) {
    const bool is_over = at->second.is_request_whole || out_.frames.is_dead();
    const auto stream = (at++)->first;
    if (is_over) close(stream);
  }
}

OpenExchange* Http2::find(std::uint32_t stream) {
  const auto found = streams_.find(stream);
  return found == streams_.end() ? nullptr : &found->second;
}

void Http2::close(std::uint32_t stream) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  auto open = std::move(found->second);
  streams_.erase(found);
  keep_.close(open, true);
}

void Http2::close_all() {
  while (!streams_.empty()) close(streams_.begin()->first);
}

}  // namespace plumbline::agent
