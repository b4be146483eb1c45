// Texts of strangers in lines of a log.
#pragma once

#include <string>
#include <string_view>

namespace plumbline {

/// A value as it may stand between the quotes of a logfmt line: quotes and backslashes behind a backslash, control
/// characters as \xNN, so that a file's name ends neither the value nor the line.
inline std::string log_text(std::string_view value) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(value.size());
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') text += '\\';
    if (byte >= 0x20 && byte != 0x7f)
      text += c;
    else
      text.append("\\x").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
  }
  return text;
}

}  // namespace plumbline
