// HTTP/2 (RFC 9113): streams of two directions' frames.
#pragma once

#include <map>
#include <memory>

#include "agent/decode/hpack.hpp"
#include "agent/decode/http2_frames.hpp"
#include "agent/decode/http_engine.hpp"

namespace plumbline::agent {

class Http2 final : public HttpEngine, private Http2Events {
 public:
  explicit Http2(HttpPort& port);
  ~Http2() override;

  std::size_t take(Direction direction, const Piece& piece) override;
  void lose(Direction direction, std::uint64_t bytes, std::int64_t at) override;
  void end(std::int64_t at) override;
  void expire(std::int64_t before) override;
  bool is_dead() const override;
  bool is_idle() const override { return false; }  // without its HPACK tables nobody goes on

  /// A request of HTTP/1.1 that is answered here, as stream 1 (RFC 7540, section 3.2).
  void adopt(OpenExchange&& open);

 private:
  struct Side {
    Side(Direction direction, HttpPort& port, Http2Events& events)
        : frames(direction, port.limits, port.counters, events), hpack(port.limits.table_bytes) {}
    Http2Frames frames;
    Hpack hpack;
  };
  using Streams = std::map<std::uint32_t, OpenExchange>;

  void on_joined_late(Direction direction) override;
  void on_block(Direction direction, const Http2Block& block) override;
  void on_data(Direction direction, std::uint32_t stream, std::string_view data) override;
  void on_data_lost(Direction direction, std::uint32_t stream, std::uint64_t bytes) override;
  void on_stream_end(Direction direction, std::uint32_t stream) override;
  void on_reset(Direction direction, std::uint32_t stream) override;
  void on_goaway(Direction direction, std::uint32_t last_stream) override;
  void on_dead(Direction direction) override;

  void on_request_block(const Http2Block& block);
  void on_response_block(const Http2Block& block);
  void open_stream(std::uint32_t stream, HttpMessage&& request);
  void answer_stream(OpenExchange& open, HttpMessage&& response);
  static HttpMessage* body_of(Direction direction, OpenExchange& open);
  OpenExchange* find(std::uint32_t stream);
  void close(std::uint32_t stream);
  void close_all();
  Side& side(Direction direction) { return direction == Direction::out ? out_ : in_; }

  HttpPort& port_;
  HttpKeep keep_;
  Side out_, in_;
  Streams streams_;
  std::uint32_t last_stream_ = 0;  // the highest that was opened
  std::int64_t now_ = 0;
};

}  // namespace plumbline::agent
