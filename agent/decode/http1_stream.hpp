// One direction of an HTTP/1.1 connection: from its bytes to heads, content and ends. Knows nothing of the other
// direction.
#pragma once

#include <string>

#include "agent/decode/http1_body.hpp"
#include "agent/decode/http1_head.hpp"
#include "agent/decode/http_engine.hpp"

namespace plumbline::agent {

/// What a direction tells; all calls come from within take() and lose().
class Http1Events {
 public:
  virtual ~Http1Events() = default;
  /// May take the message out of it. How its body ends.
  virtual BodyFraming on_head(Direction direction, Http1Head& head) = 0;
  virtual void on_body(Direction direction, std::string_view data) = 0;
  virtual void on_body_lost(Direction direction, std::uint64_t bytes) = 0;
  /// Of the message whose head came last. `is_whole`: its last byte is known to have passed.
  virtual void on_end(Direction direction, bool is_whole) = 0;
  /// From here on any number of heads may have been missed. `certain`: one at least.
  virtual void on_missed(Direction direction, bool certain) = 0;
  /// What came while a message is looked for, and is taken for none; empty where it is not a call's beginning.
  virtual void on_junk(Direction direction, std::string_view call) = 0;
  /// Whether a head is to be expected here at all.
  virtual bool may_resume(Direction direction) const = 0;
};

class Http1Stream {
 public:
  Http1Stream(Direction direction, const HttpLimits& limits, HttpCounters& counters, Http1Events& events)
      : direction_(direction),
        limits_(limits),
        counters_(counters),
        events_(events),
        body_(limits.line_bytes, limits.head_bytes) {}
  ~Http1Stream();

  /// How many bytes were used; fewer than came only once it has stopped.
  std::size_t take(const Piece& piece);
  void lose(std::uint64_t bytes);
  /// The connection is over.
  void end();

  /// The rest of the present message may never be sent: what begins like a head at the next call is one.
  void expect_head_at_next_call() { is_body_optional_ = state_ == State::body && !lost_body_; }
  /// Nothing more is learned of this direction.
  void stop();
  bool is_between_messages() const { return state_ == State::head && head_.empty(); }
  bool is_stopped() const { return state_ == State::stopped; }
  unsigned refusals() const { return refusals_; }

 private:
  enum class State { head, body, searching, stopped };
  std::size_t take_head(std::string_view bytes);
  std::size_t take_body(std::string_view bytes);
  void begin_message(std::string_view head);
  void refuse(std::uint64_t& counter, std::string_view head);
  void search(bool certain);

  Direction direction_;
  const HttpLimits& limits_;
  HttpCounters& counters_;
  Http1Events& events_;
  State state_ = State::head;
  std::string head_;       // what came of it before the present piece
  std::size_t blank_ = 0;  // bytes of empty lines
  Http1Body body_;
  bool is_body_optional_ = false;
  bool lost_body_ = false;
  unsigned refusals_ = 0;  // in a row
};

}  // namespace plumbline::agent
