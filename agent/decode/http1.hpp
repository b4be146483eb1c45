// HTTP/1.1 (RFC 9112): two streams of messages, paired.
#pragma once

#include "agent/decode/http1_pairing.hpp"
#include "agent/decode/http1_stream.hpp"
#include "agent/decode/http_engine.hpp"

namespace plumbline::agent {

class Http1 final : public HttpEngine, private Http1Events {
 public:
  explicit Http1(HttpPort& port);

  std::size_t take(Direction direction, const Piece& piece) override;
  void lose(Direction direction, std::uint64_t bytes, std::int64_t at) override;
  void end(std::int64_t at) override;
  void expire(std::int64_t before) override;
  bool is_idle() const override;
  bool is_dead() const override { return is_dead_; }

  /// The server agreed to go on in HTTP/2 (RFC 7540, section 3.2): the request that it answers there as stream 1.
  std::unique_ptr<OpenExchange> take_upgraded() { return std::move(upgraded_); }

 private:
  BodyFraming on_head(Direction direction, Http1Head& head) override;
  void on_body(Direction direction, std::string_view data) override;
  void on_body_lost(Direction direction, std::uint64_t bytes) override;
  void on_end(Direction direction, bool is_whole) override;
  void on_missed(Direction direction, bool certain) override;
  void on_junk(Direction direction, std::string_view call) override;
  bool may_resume(Direction direction) const override;

  BodyFraming on_request(Http1Head& head);
  BodyFraming on_response(Http1Head& head);
  BodyFraming switch_protocols(Http1Request& request);
  void die(std::uint64_t& counter);
  void close_unanswerable();

  HttpPort& port_;
  HttpKeep keep_;
  Http1Pairing pairing_;
  Http1Stream out_, in_;
  std::unique_ptr<OpenExchange> upgraded_;
  std::uint64_t requests_ = 0;
  std::int64_t now_ = 0;
  unsigned strange_ = 0;          // calls in a row that begin no message
  bool is_interim_ = false;       // the head that came in last
  bool is_lost_in_body_ = false;  // where requests got lost: within one that is known
  bool was_answered_ = false;     // since the last call out
  bool was_strange_ = false;      // and with an answer to nothing known
  bool is_dead_ = false;
};

}  // namespace plumbline::agent
