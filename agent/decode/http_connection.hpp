// From captured plaintext of one client's connection to whole HTTP exchanges, whatever was lost in between.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "agent/decode/http_engine.hpp"
#include "agent/decode/http_limits.hpp"
#include "agent/decode/http_message.hpp"

namespace plumbline::agent {

/// HTTP/1.1 (RFC 9112) and HTTP/2 (RFC 9113, RFC 7541), told apart by the first bytes.
///
/// What was lost makes exchanges missing, cut or without their response; it never gives one the path, the body or the
/// response of another (http1_pairing.hpp says what that rests on). Nothing is guessed: desyncs are counted.
///
/// One thread at a time. Memory is bounded by HttpLimits, and to a few hundred bytes before it is known which HTTP it
/// is. Nothing is thrown but std::bad_alloc. The callbacks are
/// called from within feed(), end() and expire() and must not call back.
class HttpConnection {
 public:
  /// Asked for each request, as soon as its head is whole.
  using WantBody = std::function<Wanted(const HttpMessage& head)>;
  using Deliver = std::function<void(HttpExchange&&)>;

  /// `counters` and `tenant_held` (HttpPort) outlive the connection.
  HttpConnection(const HttpLimits& limits, WantBody want, Deliver deliver, HttpCounters& counters,
                 std::size_t* tenant_held = nullptr);
  HttpConnection(HttpConnection&&) = delete;
  ~HttpConnection();

  /// One captured call. `offset`: where in the direction's stream it begins, from 0; a jump is a loss, a step back was
  /// seen before. `length`: bytes of the call; `data`: its first ones, as many as were copied. `at`: boot ns. `part`:
  /// where in a call that is fed in several the bytes lie (enum capture_part).
  void feed(Direction direction, std::uint64_t offset, std::uint32_t length, std::span<const char> data,
            std::int64_t at, unsigned part = 0);
  /// The connection was closed: what is known of each exchange is delivered.
  void end(std::int64_t at);
  /// Requests from before that time (boot ns) are delivered without their response; those whose response has begun,
  /// with what came of it, if none did since.
  void expire(std::int64_t before);
  /// Nothing can be learned of it any more: it may be dropped.
  bool is_dead() const;
  /// All that began is over: who goes on with the next call as with a fresh connection has lost nothing.
  bool is_idle() const { return engine_ && engine_->is_idle(); }

 private:
  struct Early {
    Direction direction = Direction::out;
    std::string bytes;
    bool begins_call = false, ends_call = false;
    std::uint64_t lost = 0;  // or so many that nobody has
    std::int64_t at = 0;
  };
  void take(Direction direction, const Piece& piece);
  void lose(Direction direction, std::uint64_t bytes, std::int64_t at);
  void decide(Direction direction, const Piece& piece);
  void begin(std::unique_ptr<HttpEngine> engine);
  void upgrade(Direction direction, const Piece& rest);

  HttpPort port_;
  std::unique_ptr<HttpEngine> engine_;
  std::array<std::uint64_t, 2> next_{};  // offset of the first byte that did not come yet
  std::vector<Early> early_;             // before it is known which HTTP it is: a few bytes
  std::array<bool, 2> was_missed_{};     // bytes from before are gone
  unsigned strange_ = 0;                 // calls that are no HTTP
  bool is_dead_ = false;
};

}  // namespace plumbline::agent
