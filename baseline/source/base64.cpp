#include "baseline/source/base64.hpp"

#include <cstdint>
#include <cstring>

namespace plumbline::baseline {
namespace {

/// 0 to 63, or -1.
int value_of(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool only_line_ends(std::string_view text) {
  return text.find_first_not_of("\r\n") == std::string_view::npos;
}

std::optional<std::string> refused(std::string& bytes) {
  explicit_bzero(bytes.data(), bytes.size());
  return std::nullopt;
}

}  // namespace

std::optional<std::string> decode_base64(std::string_view text, Base64 how) {
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 3);
  std::uint32_t quad = 0;
  int filled = 0, padding = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (const int value = value_of(c); value >= 0) {
      if (padding > 0 && how == Base64::strict) return refused(bytes);
      padding = 0;
      quad = quad << 6 | static_cast<std::uint32_t>(value);
      if (++filled < 4) continue;
      for (const int shift : {16, 8, 0}) bytes += static_cast<char>(quad >> shift & 0xFF);
      quad = 0;
      filled = 0;
    } else if (c == '=') {
      if (filled < 2) {
        if (how == Base64::strict) return refused(bytes);
        continue;
      }
      if (filled + ++padding < 4) continue;
      quad <<= 6 * padding;
      bytes += static_cast<char>(quad >> 16 & 0xFF);
      if (padding == 1) bytes += static_cast<char>(quad >> 8 & 0xFF);
      if (how == Base64::strict && !only_line_ends(text.substr(i + 1))) return refused(bytes);
      return bytes;
    } else if (how == Base64::strict && c != '\r' && c != '\n') {
      return refused(bytes);
    }
  }
  if (filled != 0) return refused(bytes);
  return bytes;
}

}  // namespace plumbline::baseline
