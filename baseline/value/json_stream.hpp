// Walks JSON that is too large to hold: a state of a gigabyte, one instance at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "include/util/result.hpp"

namespace plumbline::baseline {

/// A window over JSON text, filled as it is walked. The caller enters objects and lists, and takes each value inside
/// either whole, as a view for a real parser, or by entering it too. Checks what it walks itself (brackets, commas,
/// colons, the end); the inside of a value is for whoever parses the view. Used by one thread; clears its window at the
/// end, since states hold secrets.
///
///     auto stream = JsonStream(read, max);
///     stream.enter('{');
///     while (auto key = stream.next_key()) { auto value = stream.value(); … }
///     stream.end();
///
/// After the first error everything answers "nothing more", and failed() tells the error.
class JsonStream {
 public:
  /// Fills the front of the given bytes; 0 at the end. An error ends the walk.
  using Read = std::function<Result<std::size_t>(char*, std::size_t)>;

  /// `origin` begins the messages; a value() longer than `max_value` bytes is an error.
  JsonStream(std::string origin, Read read, std::size_t max_value);
  ~JsonStream();
  JsonStream(const JsonStream&) = delete;
  JsonStream& operator=(const JsonStream&) = delete;

  /// The first character of the next value ('{', '[', '"', a digit, …); '\0' at the end and after an error.
  char peek();
  /// Enters the next value, which must begin with `bracket`, '{' or '['.
  void enter(char bracket);
  /// In an object: the next member's key as it is written, without its quotes (escapes stay); nullopt at the end, which
  /// is left then. Its value must be taken before the next key.
  std::optional<std::string> next_key();
  /// In a list: whether there is one more element; false leaves the list.
  bool next_element();
  /// The next value as a whole, valid until the next call. Always followed by `padding` readable bytes.
  std::string_view value();
  /// What is held of the text from the next value on, which may end within it; `padding` readable bytes follow.
  std::string_view ahead();
  /// Instead of value(), for whoever found in ahead() that the value is well-formed and has so many bytes.
  void pass(std::size_t size) { at_ += size; }
  /// After the outermost value: nothing but blanks may follow.
  void end();

  bool failed() const { return error_.has_value(); }
  const Error& error() const { return *error_; }
  /// Bytes from the start of the text.
  std::size_t offset() const { return passed_ + at_; }

  static constexpr std::size_t padding = 64;  ///< simdjson's own (SIMDJSON_PADDING) is not more

 private:
  bool more();         ///< reads on, keeping what stands from keep_ on; false at the end
  bool skip_blanks();  ///< false at the end of the text
  bool pass_string();  ///< at_ is behind the opening quote
  bool pass_container();
  void fail(const std::string& why, const std::string& fix = {});
  bool expect_separator(char closing, bool& closed);

  std::string origin_;
  Read read_;
  std::size_t max_value_;
  std::string window_;      ///< text, then padding
  std::size_t filled_ = 0;  ///< bytes of text in it
  std::size_t at_ = 0;      ///< next byte
  std::size_t keep_ = 0;    ///< first byte that is still needed
  std::size_t passed_ = 0;  ///< bytes before the window
  std::size_t depth_ = 0;   ///< brackets entered
  bool first_ = false;      ///< nothing was taken yet from what was entered last
  bool at_end_ = false;
  std::optional<Error> error_;
};

}  // namespace plumbline::baseline
