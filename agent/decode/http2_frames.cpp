#include "agent/decode/http2_frames.hpp"

#include <algorithm>

#include "agent/decode/http2_wire.hpp"
#include "agent/decode/wipe.hpp"

namespace plumbline::agent {

Http2Frames::Http2Frames(Direction direction, const HttpLimits& limits, HttpCounters& counters, Http2Events& events)
    : direction_(direction),
      limits_(limits),
      counters_(counters),
      events_(events),
      state_(direction == Direction::out ? State::preface : State::first_header) {}

Http2Frames::~Http2Frames() {
  wipe(payload_);
  wipe(block_);
}

void Http2Frames::take(const Piece& piece) {
  std::size_t used = 0;
  while (used < piece.bytes.size()) {
    switch (state_) {
      case State::dead:
        return;
      case State::late:
        // Only at its first byte: a boundary within is nothing that can be told.
        used += used == 0 ? join_late(piece, piece.begins_call && piece.ends_call) : piece.bytes.size() - used;
        break;
      case State::preface:
        used = take_preface(piece, used);
        break;
      case State::first_header:
      case State::header:
        used = take_header(piece, used);
        break;
      case State::payload:
        used += take_payload(piece.bytes.substr(used));
        break;
    }
  }
}

std::size_t Http2Frames::take_preface(const Piece& piece, std::size_t from) {
  const auto bytes = piece.bytes.substr(from);
  const auto awaited = http2_preface.substr(preface_, bytes.size());
  if (!bytes.starts_with(awaited)) {
    wait_for_frames();
    return preface_ == 0 ? from : piece.bytes.size();
  }
  preface_ += awaited.size();
  if (preface_ == http2_preface.size()) state_ = State::first_header;
  return from + awaited.size();
}

std::size_t Http2Frames::take_header(const Piece& piece, std::size_t from) {
  const auto bytes = piece.bytes.substr(from, http2_header_bytes - header_.size());
  header_.append(bytes);
  if (header_.size() < http2_header_bytes) return from + bytes.size();
  frame_ = read_header(header_);
  header_.clear();
  if (state_ == State::first_header && (frame_.type != http2_settings || frame_.has(http2_ack))) {
    // Section 3.4: each side begins with SETTINGS. So this is no beginning.
    if (direction_ == Direction::out) {
      die(counters_.refused);
      return piece.bytes.size();
    }
    wait_for_frames();
    return from == 0 && bytes.size() == http2_header_bytes ? 0 : piece.bytes.size();
  }
  begin_frame();
  return from + bytes.size();
}

Http2Frames::Frame Http2Frames::read_header(std::string_view bytes) {
  Frame frame;
  frame.length = read_be(bytes.substr(0, 3));
  frame.type = static_cast<std::uint8_t>(bytes[3]);
  frame.flags = static_cast<std::uint8_t>(bytes[4]);
  frame.stream = read_be(bytes.substr(5, 4)) & 0x7FFFFFFFU;  // the first bit is reserved, and ignored
  return frame;
}

/// Section 6, frame by frame. What is not known is passed over (section 5.5).
bool Http2Frames::is_well_formed(const Frame& frame) {
  switch (frame.type) {
    case http2_data:
    case http2_headers:
    case http2_continuation:
    case http2_push_promise:
      return frame.stream != 0;
    case http2_priority:
      return frame.stream != 0 && frame.length == 5;
    case http2_rst_stream:
      return frame.stream != 0 && frame.length == 4;
    case http2_settings:
      return frame.stream == 0 && frame.length % 6 == 0 && (!frame.has(http2_ack) || frame.length == 0);
    case http2_ping:
      return frame.stream == 0 && frame.length == 8;
    case http2_goaway:
      return frame.stream == 0 && frame.length >= 8;
    case http2_window_update:
      return frame.length == 4;
    default:
      return true;
  }
}

bool Http2Frames::consists_of_frames(const Piece& piece) {
  auto rest = piece.bytes;
  bool is_first = true;
  while (rest.size() >= http2_header_bytes) {
    const auto frame = read_header(rest);
    const bool is_reserved = (static_cast<unsigned char>(rest[5]) & 0x80) != 0;
    if (frame.type > http2_continuation || is_reserved || !is_well_formed(frame) ||
        (frame.flags & ~http2_flags_of(frame.type)) != 0 || (is_first && frame.type == http2_continuation) ||
        frame.length > rest.size() - http2_header_bytes)
      return false;
    rest.remove_prefix(http2_header_bytes + frame.length);
    is_first = false;
  }
  return rest.empty() && !is_first;
}

void Http2Frames::wait_for_frames() {
  ++counters_.desyncs;
  state_ = State::late;
}

std::size_t Http2Frames::join_late(const Piece& piece, bool is_whole_call) {
  if (!is_whole_call || !consists_of_frames(piece)) {
    if (++strange_ >= limits_.strange_calls) die(counters_.not_http);
    return piece.bytes.size();
  }
  state_ = State::header;
  header_.clear();
  events_.on_joined_late(direction_);
  return 0;
}

void Http2Frames::begin_frame() {
  const bool continues = frame_.type == http2_continuation;
  if (!is_well_formed(frame_) || continues != is_in_block_ || (continues && frame_.stream != block_about_.stream))
    return die(counters_.refused);
  if (continues && ++continuations_ > limits_.continuations) return die(counters_.too_long);
  state_ = State::payload;
  left_ = frame_.length;
  is_damaged_ = false;
  padding_ = 0;
  is_padding_known_ = !frame_.has(http2_padded) || frame_.type != http2_data;
  if (left_ == 0) end_frame();
}

std::size_t Http2Frames::take_payload(std::string_view bytes) {
  bytes = bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
  left_ -= bytes.size();
  const std::size_t used = bytes.size();
  if (frame_.type == http2_data) {
    take_data(bytes);
  } else if (http2_is_read_whole(frame_.type)) {
    const std::size_t most = http2_is_block(frame_.type) ? limits_.head_bytes : http2_control_bytes;
    const auto kept = bytes.substr(0, most - std::min(most, payload_.size()));
    append_wiping(payload_, kept);
    if (kept.size() < bytes.size() && frame_.type != http2_goaway) {
      if (!is_damaged_) ++counters_.too_long;
      is_damaged_ = true;
    }
  }
  if (left_ == 0 && state_ == State::payload) end_frame();
  return used;
}

void Http2Frames::take_data(std::string_view bytes) {
  if (!is_padding_known_) {
    padding_ = static_cast<unsigned char>(bytes.front());
    is_padding_known_ = true;
    bytes.remove_prefix(1);
    if (padding_ > left_ + bytes.size()) return die(counters_.refused);  // section 6.1
  }
  const std::uint64_t padding_here = padding_ > left_ ? padding_ - left_ : 0;
  const auto data =
      bytes.substr(0, bytes.size() - static_cast<std::size_t>(std::min<std::uint64_t>(padding_here, bytes.size())));
  if (!data.empty()) events_.on_data(direction_, frame_.stream, data);
}

void Http2Frames::lose(std::uint64_t bytes) {
  switch (state_) {
    case State::dead:
    case State::late:
      return;
    case State::preface:
    case State::first_header:
      // Nothing was read yet, so nothing is known that could become wrong.
      header_.clear();
      if (preface_ == 0) {
        wait_for_frames();
        return;
      }
      return die(counters_.desyncs);
    case State::header:
      return die(counters_.desyncs);
    case State::payload:
      break;
  }
  if (bytes > left_) return die(counters_.desyncs);
  left_ -= bytes;
  is_damaged_ = true;
  if (frame_.type == http2_data) {
    is_padding_known_ = true;  // or never will be: the padding then counts as content, of which nothing more is kept
    events_.on_data_lost(direction_, frame_.stream, bytes);
  }
  if (left_ == 0) end_frame();
}

void Http2Frames::end_frame() {
  state_ = State::header;
  if (frame_.type == http2_data) {
    if (frame_.has(http2_end_stream)) events_.on_stream_end(direction_, frame_.stream);
  } else if (http2_is_block(frame_.type)) {
    end_block_frame();
  } else {
    end_control_frame();
  }
  wipe(payload_);
}

/// The fields of HEADERS, PUSH_PROMISE (section 6.6) or CONTINUATION join their block.
bool Http2Frames::add_to_block(std::string_view payload) {
  if (is_damaged_) block_about_.is_damaged = true;
  if (block_about_.is_damaged) return true;
  std::size_t padding = 0;
  if (frame_.type != http2_continuation && frame_.has(http2_padded)) {
    if (payload.empty()) return false;
    padding = static_cast<unsigned char>(payload.front());
    payload.remove_prefix(1);
  }
  std::size_t before = 0;
  if (frame_.type == http2_headers && frame_.has(http2_has_priority)) before = 5;
  if (frame_.type == http2_push_promise) before = 4;
  if (payload.size() < before + padding) return false;
  payload = payload.substr(before, payload.size() - before - padding);
  if (payload.size() > limits_.head_bytes - block_.size()) {
    ++counters_.too_long;
    block_about_.is_damaged = true;
    wipe(block_);
    return true;
  }
  append_wiping(block_, payload);
  return true;
}

void Http2Frames::end_block_frame() {
  if (frame_.type != http2_continuation) {
    block_about_ = {frame_.stream,
                    {},
                    false,
                    frame_.type == http2_push_promise,
                    frame_.type == http2_headers && frame_.has(http2_end_stream)};
    continuations_ = 0;
  }
  if (!add_to_block(payload_)) return die(counters_.refused);
  is_in_block_ = !frame_.has(http2_end_headers);
  if (is_in_block_) return;
  if (!block_about_.is_damaged) block_about_.bytes = block_;
  events_.on_block(direction_, block_about_);
  wipe(block_);
}

void Http2Frames::end_control_frame() {
  if (frame_.type == http2_rst_stream) return events_.on_reset(direction_, frame_.stream);
  if (frame_.type == http2_goaway && !is_damaged_ && payload_.size() >= 4)
    return events_.on_goaway(direction_, read_be(std::string_view(payload_).substr(0, 4)) & 0x7FFFFFFFU);
}

void Http2Frames::die(std::uint64_t& counter) {
  if (state_ == State::dead) return;
  ++counter;
  ++counters_.dead_directions;
  state_ = State::dead;
  wipe(payload_);
  wipe(block_);
  events_.on_dead(direction_);
}

}  // namespace plumbline::agent
