#include "agent/decode/http1_body.hpp"

#include <algorithm>

#include "include/util/hex.hpp"

namespace plumbline::agent {

using Kind = BodyFraming::Kind;

void Http1Body::begin(BodyFraming framing) {
  kind_ = framing.kind;
  left_ = kind_ == Kind::length ? framing.length : 0;
  chunk_ = Chunk::size;
  digits_ = line_ = trailers_ = 0;
  is_over_ = false;
}

Http1Body::Step Http1Body::next(std::string_view bytes) {
  if (kind_ == Kind::until_close) return {bytes.size(), bytes, false, false};
  if (kind_ == Kind::chunked) return next_chunked(bytes);
  const auto data = bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
  left_ -= data.size();
  return {data.size(), data, left_ == 0, false};
}

Http1Body::Skip Http1Body::skip(std::uint64_t bytes) {
  if (kind_ == Kind::until_close) return Skip::inside;
  if (bytes > left_ || (kind_ == Kind::chunked && chunk_ != Chunk::data)) return Skip::lost;
  left_ -= bytes;
  if (left_ > 0) return Skip::inside;
  if (kind_ == Kind::length) return Skip::over;
  chunk_ = Chunk::data_cr;
  return Skip::inside;
}

Http1Body::Step Http1Body::next_chunked(std::string_view bytes) {
  std::size_t used = 0;
  while (used < bytes.size()) {
    if (chunk_ == Chunk::data) {
      const auto data =
          bytes.substr(used, static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - used)));
      left_ -= data.size();
      if (left_ == 0) chunk_ = Chunk::data_cr;
      return {used + data.size(), data, false, false};
    }
    if (!step(bytes[used++])) return {used, {}, false, true};
    if (is_over_) return {used, {}, true, false};
  }
  return {used, {}, false, false};
}

bool Http1Body::step_size(char c) {
  if (const int digit = hex_value(c); digit >= 0) {
    left_ = left_ << 4 | static_cast<unsigned>(digit);
    return ++digits_ <= 15;  // of 64 bits, without an overflow
  }
  if (digits_ == 0) return false;
  chunk_ = c == '\r' ? Chunk::size_lf : Chunk::extension;
  // Blanks before an extension (section 7.1.1), and after the size alone, as some servers write.
  return c == '\r' || c == ';' || c == ' ' || c == '\t';
}

bool Http1Body::step(char c) {
  switch (chunk_) {
    case Chunk::size:
      return ++line_ <= line_limit_ && step_size(c);
    case Chunk::extension:
      if (c == '\r') chunk_ = Chunk::size_lf;
      return ++line_ <= line_limit_ && (c == '\r' || c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F));
    case Chunk::size_lf:
      chunk_ = left_ > 0 ? Chunk::data : Chunk::trailer;
      line_ = 0;
      return c == '\n';
    case Chunk::data:
      return false;
    case Chunk::data_cr:
      chunk_ = Chunk::data_lf;
      return c == '\r';
    case Chunk::data_lf:
      chunk_ = Chunk::size;
      digits_ = line_ = 0;
      return c == '\n';
    case Chunk::trailer:
      if (c == '\r')
        chunk_ = Chunk::trailer_lf;
      else
        ++line_;
      return ++trailers_ <= trailer_limit_ && c != '\n';
    case Chunk::trailer_lf:
      is_over_ = line_ == 0;
      line_ = 0;
      chunk_ = Chunk::trailer;
      return c == '\n';
  }
  return false;
}

}  // namespace plumbline::agent
