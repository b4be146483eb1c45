// One direction of an HTTP/2 connection: from its bytes to frames (RFC 9113, section 4) and whole header blocks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/decode/http_engine.hpp"

namespace plumbline::agent {

/// A header block, put together (section 4.3).
struct Http2Block {
  std::uint32_t stream = 0;
  std::string_view bytes;
  bool is_damaged = false;  ///< some of it was lost: `bytes` is of no use
  bool is_promise = false;  ///< PUSH_PROMISE: what it says is not about `stream`
  bool ends_stream = false;
};

/// What a direction tells; all calls come from within take() and lose().
class Http2Events {
 public:
  virtual ~Http2Events() = default;
  virtual void on_joined_late(Direction direction) = 0;
  virtual void on_block(Direction direction, const Http2Block& block) = 0;
  virtual void on_data(Direction direction, std::uint32_t stream, std::string_view data) = 0;
  virtual void on_data_lost(Direction direction, std::uint32_t stream, std::uint64_t bytes) = 0;
  virtual void on_stream_end(Direction direction, std::uint32_t stream) = 0;
  virtual void on_reset(Direction direction, std::uint32_t stream) = 0;
  /// Streams above this one were not looked at.
  virtual void on_goaway(Direction direction, std::uint32_t last_stream) = 0;
  virtual void on_dead(Direction direction) = 0;
};

/// Frames follow each other without a mark between them, so a place within the stream is known from the lengths alone.
/// Bytes lost within a frame's payload are passed exactly; where a frame's header may be among them, the direction is
/// dead. A connection that is older than what we see of it is joined at a call that consists of whole frames and
/// nothing else. SETTINGS are not needed: which table an encoder uses it says in its blocks, and frames of any length
/// are passed, for nothing of a body is kept here.
class Http2Frames {
 public:
  Http2Frames(Direction direction, const HttpLimits& limits, HttpCounters& counters, Http2Events& events);
  ~Http2Frames();

  void take(const Piece& piece);
  void lose(std::uint64_t bytes);
  void die(std::uint64_t& counter);
  bool is_dead() const { return state_ == State::dead; }

 private:
  enum class State { preface, first_header, header, payload, late, dead };
  struct Frame {
    std::uint32_t length = 0, stream = 0;
    std::uint8_t type = 0, flags = 0;
    bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
  };
  static Frame read_header(std::string_view bytes);
  static bool is_well_formed(const Frame& frame);
  static bool consists_of_frames(const Piece& piece);

  std::size_t take_preface(const Piece& piece, std::size_t from);
  std::size_t take_header(const Piece& piece, std::size_t from);
  std::size_t take_payload(std::string_view bytes);
  void take_data(std::string_view bytes);
  void wait_for_frames();
  std::size_t join_late(const Piece& piece, bool is_whole_call);
  void begin_frame();
  void end_frame();
  void end_block_frame();
  void end_control_frame();
  bool add_to_block(std::string_view payload);

  Direction direction_;
  const HttpLimits& limits_;
  HttpCounters& counters_;
  Http2Events& events_;
  State state_;
  std::size_t preface_ = 0;  // bytes of it that came
  std::string header_;       // 9 bytes, as many as came
  Frame frame_;
  std::uint64_t left_ = 0;   // of the payload
  std::string payload_;      // of frames that are read whole
  bool is_damaged_ = false;  // some of the payload is missing
  bool is_padding_known_ = true;
  std::uint64_t padding_ = 0;
  std::string block_;  // of the header block that is being put together
  Http2Block block_about_;
  bool is_in_block_ = false;  // CONTINUATION has to follow
  std::size_t continuations_ = 0;
  unsigned strange_ = 0;  // calls that could not be joined at
};

}  // namespace plumbline::agent
