// What HttpConnection asks of a version of HTTP.
#pragma once

#include <functional>
#include <string_view>

#include "agent/decode/http_limits.hpp"
#include "agent/decode/http_message.hpp"

namespace plumbline::agent {

/// Where exchanges come from and go to; outlives the engines.
struct HttpPort {
  HttpLimits limits;
  std::function<Wanted(const HttpMessage&)> want;
  std::function<void(HttpExchange&&)> deliver;
  HttpCounters& counters;
  /// What all connections of one tenant hold, this one among them; nullptr: there are no shares. Outlives the engines.
  std::size_t* tenant_held = nullptr;
};

/// Bytes of one call that came whole and in order.
struct Piece {
  std::string_view bytes;
  bool begins_call = false;  ///< the call began with them
  bool ends_call = false;    ///< and ended with them
  std::int64_t at = 0;       ///< boot ns
};

/// One direction's bytes come in their order, each once: as a piece, or as lost.
class HttpEngine {
 public:
  virtual ~HttpEngine() = default;
  /// How many bytes were used: fewer than came only where the connection changes its protocol.
  virtual std::size_t take(Direction direction, const Piece& piece) = 0;
  virtual void lose(Direction direction, std::uint64_t bytes, std::int64_t at) = 0;
  virtual void end(std::int64_t at) = 0;
  virtual void expire(std::int64_t before) = 0;
  virtual bool is_dead() const = 0;
  /// All that began is over, and what comes next is known to begin a message.
  virtual bool is_idle() const = 0;
};

/// An exchange that waits for its end, and what it holds of the connection's memory.
struct OpenExchange {
  HttpExchange exchange;
  Wanted wanted;
  bool is_request_whole = false, is_response_whole = false;
  bool is_head_missed = false;  ///< of the response: what comes may be its trailers
  bool is_told = false;         ///< delivered or ignored: only its place is kept
  std::size_t held = 0;         ///< bytes
};

/// Keeps what is wanted of bodies within the limits, and hands exchanges over: what all engines do alike.
class HttpKeep {
 public:
  explicit HttpKeep(HttpPort& port) : port_(port) {}
  ~HttpKeep();
  HttpKeep(const HttpKeep&) = delete;
  HttpKeep& operator=(const HttpKeep&) = delete;

  /// Asks what is wanted and counts the request in. False: the connection holds too much already.
  bool open(OpenExchange& open);
  /// What another engine of this connection opened, and will not close.
  void adopt(const OpenExchange& open);
  /// Takes the response's head in. False as above.
  bool answer(OpenExchange& open, HttpMessage&& response);
  void add_body(OpenExchange& open, HttpMessage& message, std::string_view bytes, std::size_t wanted);
  static void lose_body(HttpMessage& message, std::uint64_t bytes);
  /// Delivers unless that is done; what is not over is marked as cut. What it held is free again.
  void close(OpenExchange& open, bool with_response);

 private:
  /// Counts so many bytes in. False: that is more than may be held.
  bool hold(OpenExchange& open, std::size_t bytes);
  void count(std::size_t bytes);
  void uncount(std::size_t bytes);
  std::size_t room() const;  // bytes

  HttpPort& port_;
  std::size_t held_ = 0;  // bytes
};

}  // namespace plumbline::agent
