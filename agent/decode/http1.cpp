#include "agent/decode/http1.hpp"

namespace plumbline::agent {

using Kind = BodyFraming::Kind;

Http1::Http1(HttpPort& port)
    : port_(port),
      keep_(port),
      pairing_(port.limits.pipelined,
               [this](Http1Request& request, bool with_response) { keep_.close(request.open, with_response); }),
      out_(Direction::out, port.limits, port.counters, *this),
      in_(Direction::in, port.limits, port.counters, *this) {}

std::size_t Http1::take(Direction direction, const Piece& piece) {
  now_ = piece.at;
  if (is_dead_) return piece.bytes.size();
  auto& stream = direction == Direction::out ? out_ : in_;
  const std::size_t used = stream.take(piece);
  if (direction == Direction::out) was_answered_ = was_strange_ = false;
  if (upgraded_) return used;
  if (stream.refusals() >= port_.limits.refusals || (requests_ == 0 && strange_ >= port_.limits.strange_calls))
    die(port_.counters.not_http);
  return piece.bytes.size();
}

void Http1::lose(Direction direction, std::uint64_t bytes, std::int64_t at) {
  now_ = at;
  if (is_dead_) return;
  (direction == Direction::out ? out_ : in_).lose(bytes);
}

void Http1::end(std::int64_t at) {
  now_ = at;
  out_.end();
  in_.end();
  pairing_.close_all();
  is_dead_ = true;
}

void Http1::expire(std::int64_t before) {
  // Their places stay: an answer that comes after all is still theirs.
  for (const auto& request : pairing_.all()) {
    const auto& exchange = request->open.exchange;
    const bool is_answered = exchange.response.has_value();
    if ((is_answered ? exchange.last_seen : exchange.first_seen) >= before) continue;
    const bool is_sure = request.get() == pairing_.answering() && !request->after_hole;
    keep_.close(request->open, is_answered && is_sure);
  }
}

BodyFraming Http1::on_head(Direction direction, Http1Head& head) {
  strange_ = 0;
  return direction == Direction::out ? on_request(head) : on_response(head);
}

BodyFraming Http1::on_request(Http1Head& head) {
  auto request = std::make_unique<Http1Request>();
  request->method = head.message.method;
  request->expects_continue = head.expects_continue;
  request->may_be_h2c = head.upgrades_to_h2c;
  auto& exchange = request->open.exchange;
  exchange.request = std::move(head.message);
  exchange.stream = ++requests_;
  exchange.first_seen = exchange.last_seen = now_;
  const bool has_room = keep_.open(request->open);
  const std::size_t before = pairing_.all().size();
  auto& waiting = pairing_.ask(std::move(request));
  if (before >= port_.limits.pipelined) ++port_.counters.too_many;
  if (!has_room) {
    ++port_.counters.too_many;
    keep_.close(waiting.open, false);
  }
  return head.framing;
}

BodyFraming Http1::on_response(Http1Head& head) {
  const int status = head.message.status;
  is_interim_ = status / 100 == 1 && status != 101;
  if (is_interim_) {
    if (auto* waiting = pairing_.waiting(); waiting != nullptr) waiting->expects_continue = false;
    return {Kind::none, 0};
  }
  was_answered_ = true;
  auto* request = pairing_.answer();
  if (request == nullptr) {
    was_strange_ = true;
    ++port_.counters.unanswerable;
    return {Kind::unknown, 0};
  }
  auto& open = request->open;
  open.exchange.last_seen = now_;
  const auto framing = response_framing(head, request->method);
  if (!keep_.answer(open, std::move(head.message))) ++port_.counters.too_many;
  if (status == 101 || (status / 100 == 2 && request->method == "CONNECT")) return switch_protocols(*request);
  // RFC 9110, section 10.1.1: who is told so before the body may leave it out.
  if (request->expects_continue && !open.is_request_whole && status >= 300 && open.exchange.request.body_bytes == 0 &&
      pairing_.last_request() == request)
    out_.expect_head_at_next_call();
  return framing;
}

BodyFraming Http1::switch_protocols(Http1Request& request) {
  ++port_.counters.upgraded;
  if (request.may_be_h2c && request.open.exchange.response->status == 101 && !request.after_hole) {
    upgraded_ = std::make_unique<OpenExchange>(std::move(request.open));
    upgraded_->exchange.response.reset();
    request.open.is_told = true;
    upgraded_->held = 0;  // it is another engine's now
  } else {
    request.open.is_response_whole = true;
    pairing_.answered();
    pairing_.close_all();
  }
  out_.stop();
  is_dead_ = true;
  return {Kind::stop, 0};
}

void Http1::on_body(Direction direction, std::string_view data) {
  auto* request = direction == Direction::out ? pairing_.last_request() : pairing_.answering();
  if (request == nullptr) return;
  auto& open = request->open;
  open.exchange.last_seen = now_;
  if (direction == Direction::out)
    keep_.add_body(open, open.exchange.request, data, open.wanted.request_bytes);
  else if (open.exchange.response)
    keep_.add_body(open, *open.exchange.response, data, open.wanted.response_bytes);
}

void Http1::on_body_lost(Direction direction, std::uint64_t bytes) {
  auto* request = direction == Direction::out ? pairing_.last_request() : pairing_.answering();
  if (request == nullptr) return;
  if (direction == Direction::out)
    HttpKeep::lose_body(request->open.exchange.request, bytes);
  else if (request->open.exchange.response)
    HttpKeep::lose_body(*request->open.exchange.response, bytes);
}

void Http1::on_end(Direction direction, bool is_whole) {
  if (direction == Direction::out) {
    if (auto* request = pairing_.last_request(); request != nullptr) {
      request->open.is_request_whole = is_whole;
    }
    return close_unanswerable();
  }
  if (is_interim_) return;
  if (auto* request = pairing_.answering(); request != nullptr) {
    request->open.exchange.last_seen = now_;
    request->open.is_response_whole = is_whole;
  }
  pairing_.answered();
  close_unanswerable();
}

void Http1::on_missed(Direction direction, bool certain) {
  if (direction == Direction::out) {
    is_lost_in_body_ = !certain;
    return pairing_.request_missed();
  }
  if (certain && pairing_.waiting() == nullptr) was_strange_ = true;
  pairing_.response_missed(certain);
}

void Http1::on_junk(Direction direction, std::string_view call) {
  ++strange_;
  if (direction == Direction::out) return;
  if (pairing_.waiting() != nullptr) return pairing_.response_gone();
  // Nobody waits for it, so it is not read; but it is what a missing request was waiting for. "HTTP/1.1 1": not yet.
  if (begins_with_start_line(call, Direction::in) && call[9] != '1') {
    ++port_.counters.unanswerable;
    was_answered_ = was_strange_ = true;
  }
}

bool Http1::may_resume(Direction direction) const {
  // Where requests are missing, a call that looks like one may as well be the content of one whose head was lost, and
  // whoever made that content would have made a request. So it has to be seen that the missing ones are over: they were
  // answered since the last call.
  if (direction == Direction::out) return is_lost_in_body_ ? was_answered_ : was_strange_;
  return pairing_.waiting() != nullptr && !pairing_.is_hopeless();
}

bool Http1::is_idle() const {
  return !is_dead_ && pairing_.all().empty() && out_.is_between_messages() && in_.is_between_messages();
}

void Http1::close_unanswerable() {
  if (pairing_.is_hopeless()) pairing_.close_all();
}

void Http1::die(std::uint64_t& counter) {
  ++counter;
  pairing_.close_all();
  out_.stop();
  in_.stop();
  is_dead_ = true;
}

}  // namespace plumbline::agent
