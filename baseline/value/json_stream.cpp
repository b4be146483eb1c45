#include "baseline/value/json_stream.hpp"

#include <algorithm>
#include <cstring>

#include "baseline/value/json_container.hpp"

namespace plumbline::baseline {
namespace {

constexpr std::size_t window_size = std::size_t{256} << 10;  // stays in a core's own cache while it is walked
constexpr std::size_t first_window = std::size_t{32} << 10;  // most sources are small, and many
constexpr const char* half_written = "a writer may be in the middle of it; it is read again when it changes";

bool is_blank(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/// Whether the quote at `at` is escaped: an odd number of backslashes before it, from `from` on.
bool is_escaped(const std::string& text, std::size_t from, std::size_t at) {
  std::size_t slashes = 0;
  while (at - slashes > from && text[at - slashes - 1] == '\\') ++slashes;
  return slashes % 2 == 1;
}

}  // namespace

JsonStream::JsonStream(std::string origin, Read read, std::size_t max_value)
    : origin_(std::move(origin)),
      read_(std::move(read)),
      max_value_(max_value),
      window_(first_window + padding, '\0') {}

JsonStream::~JsonStream() {
  ::explicit_bzero(window_.data(), window_.size());
}

void JsonStream::fail(const std::string& why, const std::string& fix) {
  if (!error_) error_ = invalid(origin_, "not JSON: " + why + " at byte " + std::to_string(offset()), fix);
}

bool JsonStream::more() {
  if (at_end_ || error_) return false;
  const std::size_t kept = filled_ - keep_;
  if (kept > max_value_) {
    fail("a value of more than " + std::to_string(max_value_ >> 20) + " MiB", "is this the right file?");
    return false;
  }
  const std::size_t size = window_.size() - padding;
  const bool is_full = filled_ == size;  // else it ends here, and another read only says so
  const std::size_t room = is_full ? std::max(window_size, 2 * kept) : size;
  if (room + padding > window_.size()) {
    // Not resize(): it would leave a copy of the old bytes behind.
    std::string larger(room + padding, '\0');
    std::memcpy(larger.data(), window_.data() + keep_, kept);
    ::explicit_bzero(window_.data(), window_.size());
    window_ = std::move(larger);
  } else {
    std::memmove(window_.data(), window_.data() + keep_, kept);
  }
  passed_ += keep_;
  at_ -= keep_;
  keep_ = 0;
  filled_ = kept;
  auto got = read_(window_.data() + kept, window_.size() - padding - kept);
  if (!got) {
    error_ = got.error();
    return false;
  }
  filled_ += *got;
  at_end_ = *got == 0;
  return !at_end_;
}

bool JsonStream::skip_blanks() {
  for (;;) {
    while (at_ < filled_ && is_blank(window_[at_])) ++at_;
    if (at_ < filled_) return true;
    keep_ = at_;
    if (!more()) return false;
  }
}

char JsonStream::peek() {
  if (error_ || !skip_blanks()) return '\0';
  return window_[at_];
}

void JsonStream::enter(char bracket) {
  if (peek() != bracket)
    return fail(at_end_ ? "the text ends where a value should be" : std::string("expected ") + bracket, half_written);
  if (depth_ == max_walked_depth) return fail("nested deeper than 256 levels");
  ++depth_;
  first_ = true;
  ++at_;
}

/// Behind a value, or at the start: whether another one follows, or the closing bracket.
bool JsonStream::expect_separator(char closing, bool& closed) {
  const char next = peek();
  closed = next == closing;
  if (closed) {
    ++at_;
    --depth_;
    first_ = false;
    return !error_;
  }
  if (!first_) {
    if (next != ',') {
      fail(at_end_ ? "the text ends too early" : "expected a comma or a closing bracket", half_written);
      return false;
    }
    ++at_;
    if (peek() == closing) {
      fail("a comma before a closing bracket", half_written);
      return false;
    }
  }
  first_ = false;
  return !error_;
}

std::optional<std::string> JsonStream::next_key() {
  bool closed = false;
  if (error_ || !expect_separator('}', closed) || closed) return std::nullopt;
  if (peek() != '"') {
    fail(at_end_ ? "the text ends too early" : "expected a key in quotes", half_written);
    return std::nullopt;
  }
  keep_ = at_++;
  if (!pass_string()) return std::nullopt;
  std::string key(window_, keep_ + 1, at_ - keep_ - 2);
  keep_ = at_;
  if (peek() != ':') {
    fail("expected a colon behind a key", half_written);
    return std::nullopt;
  }
  ++at_;
  return key;
}

bool JsonStream::next_element() {
  bool closed = false;
  return !error_ && expect_separator(']', closed) && !closed;
}

bool JsonStream::pass_string() {
  for (std::size_t from = at_ - keep_;;) {  // relative to keep_, which stays the start of this value
    const void* quote = std::memchr(window_.data() + at_, '"', filled_ - at_);
    if (quote == nullptr) {
      at_ = filled_;
      if (more()) continue;
      fail("a string without an end", half_written);
      return false;
    }
    at_ = static_cast<std::size_t>(static_cast<const char*>(quote) - window_.data()) + 1;
    if (!is_escaped(window_, keep_ + from, at_ - 1)) return true;
  }
}

bool JsonStream::pass_container() {
  ContainerPass pass;
  for (;;) {
    if (at_ == filled_) {
      if (more()) continue;
      fail(pass.in_string() ? "a string without an end" : "the text ends too early", half_written);
      return false;
    }
    std::size_t size = std::min(json_block_size, filled_ - at_);
    const auto next = pass.take(window_.data() + at_, size);
    at_ += size;
    if (next == ContainerPass::Next::goes_on) continue;
    if (next == ContainerPass::Next::too_deep) fail("nested deeper than 256 levels");
    if (next == ContainerPass::Next::unopened) fail("a closing bracket that nothing opened", half_written);
    return next == ContainerPass::Next::ended;
  }
}

std::string_view JsonStream::ahead() {
  if (peek() == '\0') return {};
  keep_ = at_;
  return {window_.data() + at_, filled_ - at_};
}

std::string_view JsonStream::value() {
  const char first = peek();
  if (error_) return {};
  keep_ = at_;
  if (first == '{' || first == '[') {
    if (!pass_container()) return {};
  } else if (first == '"') {
    ++at_;
    if (!pass_string()) return {};
  } else {
    const auto ends = [](char c) { return is_blank(c) || c == ',' || c == '}' || c == ']' || c == ':' || c == '"'; };
    for (;;) {
      while (at_ < filled_ && !ends(window_[at_])) ++at_;
      if (at_ < filled_ || !more()) break;
    }
    if (!error_ && at_ == keep_) fail("expected a value", half_written);
    if (error_) return {};
  }
  return {window_.data() + keep_, at_ - keep_};
}

void JsonStream::end() {
  keep_ = at_;
  if (!error_ && skip_blanks()) fail("more text behind the end", half_written);
}

}  // namespace plumbline::baseline
