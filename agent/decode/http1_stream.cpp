#include "agent/decode/http1_stream.hpp"

#include "agent/decode/wipe.hpp"

namespace plumbline::agent {
namespace {

constexpr std::size_t most_blank = 64;  // bytes of empty lines before a message

/// Behind the first empty line from `from` on; line ends without CR end a head too, which is against the grammar and
/// not against all servers. npos: there is none.
std::size_t end_of_head(std::string_view bytes, std::size_t from) {
  for (auto at = bytes.find('\n', from); at != std::string_view::npos; at = bytes.find('\n', at + 1)) {
    if (bytes.substr(at + 1, 1) == "\n") return at + 2;
    if (bytes.substr(at + 1, 2) == "\r\n") return at + 3;
  }
  return std::string_view::npos;
}

}  // namespace

Http1Stream::~Http1Stream() {
  wipe(head_);
}

std::size_t Http1Stream::take(const Piece& piece) {
  if (piece.bytes.empty()) return 0;
  if (state_ == State::stopped) return piece.bytes.size();
  if (is_body_optional_) {
    is_body_optional_ = false;
    if (state_ == State::body && piece.begins_call && begins_with_start_line(piece.bytes, direction_)) {
      events_.on_end(direction_, false);
      state_ = State::head;
    }
  }
  if (state_ == State::searching) {
    if (!piece.begins_call || !begins_with_start_line(piece.bytes, direction_) || !events_.may_resume(direction_)) {
      events_.on_junk(direction_, piece.begins_call ? piece.bytes : std::string_view());
      return piece.bytes.size();
    }
    state_ = State::head;
  }
  std::size_t used = 0;
  while (used < piece.bytes.size()) {
    if (state_ == State::searching) return piece.bytes.size();  // only a call begins where a message may
    if (state_ == State::stopped) return used;
    const auto rest = piece.bytes.substr(used);
    used += state_ == State::head ? take_head(rest) : take_body(rest);
  }
  return used;
}

std::size_t Http1Stream::take_head(std::string_view bytes) {
  // RFC 9112, section 2.2: empty lines before a request, as old clients send after a body. Servers take LF alone, too.
  if (head_.empty() && (bytes.front() == '\r' || bytes.front() == '\n') && blank_ < most_blank) {
    ++blank_;
    return 1;
  }
  const std::size_t before = head_.size();
  if (before == 0) {
    const std::size_t end = end_of_head(bytes, 0);
    if (end <= limits_.head_bytes) {
      begin_message(bytes.substr(0, end));
      return end;
    }
  }
  append_wiping(head_, bytes.substr(0, limits_.head_bytes + 4 - std::min(before, limits_.head_bytes)));
  const std::size_t end = end_of_head(head_, before < 3 ? 0 : before - 3);
  if (end <= limits_.head_bytes) {
    std::string head;
    head.swap(head_);
    begin_message(std::string_view(head).substr(0, end));
    wipe(head);
    return end - before;
  }
  if (!may_begin_head(head_, direction_))
    refuse(counters_.refused, {});
  else if (head_.size() >= limits_.head_bytes)
    refuse(counters_.too_long, head_);
  return bytes.size();
}

void Http1Stream::begin_message(std::string_view head) {
  blank_ = 0;
  lost_body_ = is_body_optional_ = false;
  auto parsed = parse_http1_head(head, direction_, limits_.head_bytes);
  if (!parsed) return refuse(counters_.refused, head);
  refusals_ = 0;
  state_ = State::body;  // on_head may look forward or stop this direction
  const auto framing = events_.on_head(direction_, *parsed);
  if (state_ != State::body) return;
  using Kind = BodyFraming::Kind;
  if (framing.kind == Kind::stop) return stop();
  if (framing.kind == Kind::unknown) {
    ++counters_.desyncs;
    state_ = State::searching;
    return;
  }
  body_.begin(framing);
  if (framing.kind != Kind::none) return;
  state_ = State::head;
  events_.on_end(direction_, true);
}

std::size_t Http1Stream::take_body(std::string_view bytes) {
  is_body_optional_ = false;
  const auto step = body_.next(bytes);
  if (!step.data.empty()) events_.on_body(direction_, step.data);
  if (step.is_bad) {
    ++counters_.refused;
    ++refusals_;
    events_.on_end(direction_, false);
    search(false);
    return bytes.size();
  }
  if (step.is_over) {
    state_ = State::head;
    events_.on_end(direction_, true);
  }
  return step.used;
}

void Http1Stream::lose(std::uint64_t bytes) {
  if (state_ == State::stopped) return;
  if (state_ != State::body) {
    wipe(head_);
    return search(state_ == State::head);
  }
  lost_body_ = true;
  is_body_optional_ = false;
  switch (body_.skip(bytes)) {
    case Http1Body::Skip::inside:
      return events_.on_body_lost(direction_, bytes);
    case Http1Body::Skip::over:
      events_.on_body_lost(direction_, bytes);
      state_ = State::head;
      return events_.on_end(direction_, true);
    case Http1Body::Skip::lost:
      events_.on_end(direction_, false);
      return search(false);
  }
}

void Http1Stream::end() {
  if (state_ == State::body) events_.on_end(direction_, body_.lasts_until_close());
  stop();
}

void Http1Stream::stop() {
  wipe(head_);
  state_ = State::stopped;
}

/// A request that a server may have taken all the same is told; how its body ends nobody knows.
void Http1Stream::refuse(std::uint64_t& counter, std::string_view head) {
  ++counter;
  auto guessed = direction_ == Direction::out && !head.empty() ? guess_http1_request(head) : std::nullopt;
  if (guessed) {
    ++counters_.guessed;
    events_.on_head(direction_, *guessed);
    events_.on_end(direction_, false);
  } else {
    ++refusals_;
  }
  wipe(head_);
  search(!guessed);
}

void Http1Stream::search(bool certain) {
  if (state_ != State::searching) ++counters_.desyncs;
  state_ = State::searching;
  blank_ = 0;
  events_.on_missed(direction_, certain);
}

}  // namespace plumbline::agent
