// Where the body of an HTTP/1.1 message ends (RFC 9112, sections 6.3 and 7.1).
#pragma once

#include <cstdint>
#include <string_view>

namespace plumbline::agent {

struct BodyFraming {
  enum class Kind {
    none,
    length,
    chunked,
    until_close,
    unknown,  ///< nobody knows what was asked: the next head has to be found anew
    stop,     ///< no message of HTTP/1.1 follows
  };
  Kind kind = Kind::none;
  std::uint64_t length = 0;
};

class Http1Body {
 public:
  /// `line_limit`: bytes of a chunk's size with its extensions; `trailer_limit`: of all trailers.
  Http1Body(std::size_t line_limit, std::size_t trailer_limit)
      : line_limit_(line_limit), trailer_limit_(trailer_limit) {}

  /// Of kind length, chunked or until_close.
  void begin(BodyFraming framing);

  struct Step {
    std::size_t used = 0;
    std::string_view data;  ///< content among what was used
    bool is_over = false;
    bool is_bad = false;  ///< against the grammar, or over a limit
  };
  /// Uses at least one byte of those given, unless it is bad.
  Step next(std::string_view bytes);

  enum class Skip { inside, over, lost };
  /// Bytes that nobody has. Inside: all were content, and it goes on; over: so they were, to the body's last; lost: how
  /// they ended cannot be known.
  Skip skip(std::uint64_t bytes);
  bool lasts_until_close() const { return kind_ == BodyFraming::Kind::until_close; }

 private:
  enum class Chunk { size, extension, size_lf, data, data_cr, data_lf, trailer, trailer_lf };
  Step next_chunked(std::string_view bytes);
  bool step(char c);  // one byte of what is no content; false: bad
  bool step_size(char c);

  std::size_t line_limit_, trailer_limit_;
  BodyFraming::Kind kind_ = BodyFraming::Kind::none;
  std::uint64_t left_ = 0;  // of the body, or of the chunk
  Chunk chunk_ = Chunk::size;
  std::size_t digits_ = 0, line_ = 0, trailers_ = 0;
  bool is_over_ = false;
};

}  // namespace plumbline::agent
