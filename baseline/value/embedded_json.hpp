#pragma once

#include <simdjson.h>
#include <string.h>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

namespace plumbline::baseline {

/// Parses JSON that stands in a string, one text at a time, and keeps nothing of it.
class EmbeddedJson {
 public:
  /// `text` without the white space around it, where it looks like an object or a list as a whole; "" where not.
  static std::string_view within(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n";
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    text = text.substr(first, text.find_last_not_of(blanks) - first + 1);
    const char closing = text.front() == '{' ? '}' : text.front() == '[' ? ']' : '\0';
    return text.size() >= 2 && closing != '\0' && text.back() == closing ? text : std::string_view();
  }

  /// `value` lives until clear().
  bool parse(std::string_view text, simdjson::dom::element& value) {
    if (text_.size() < text.size() + simdjson::SIMDJSON_PADDING)
      text_.resize(std::max<std::size_t>(text.size(), smallest) + simdjson::SIMDJSON_PADDING);
    std::copy(text.begin(), text.end(), text_.begin());
    used_ = text.size();
    if (parser_.capacity() < text.size() &&
        parser_.allocate(std::max<std::size_t>(text.size(), smallest), max_depth) != simdjson::SUCCESS)
      return false;
    return parser_.parse(text_.data(), text.size(), false).get(value) == simdjson::SUCCESS;
  }

  void clear() {
    ::explicit_bzero(text_.data(), used_);
    // All strings, unescaped: at most 5 bytes for 3 of the text.
    if (parser_.doc.string_buf) ::explicit_bzero(parser_.doc.string_buf.get(), 5 * used_ / 3);
    if (used_ > max_kept) *this = EmbeddedJson();
    used_ = 0;
  }

 private:
  static constexpr std::size_t smallest = 4096, max_kept = 1 << 20, max_depth = 64;

  simdjson::dom::parser parser_;
  std::vector<char> text_;
  std::size_t used_ = 0;
};

}  // namespace plumbline::baseline
