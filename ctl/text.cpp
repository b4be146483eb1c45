#include "ctl/text.hpp"

#include <array>
#include <cstdint>
#include <cstdio>

#include "include/wire/text.hpp"

namespace plumbline::ctl {
namespace {

struct Range {
  char32_t first, last;
};

template <std::size_t N>
bool in(const std::array<Range, N>& ranges, char32_t c) {
  for (const auto& range : ranges)
    if (c >= range.first && c <= range.last) return true;
  return false;
}

// What a terminal obeys or cannot show: controls, bidirectional and zero-width characters, separators, tags.
constexpr std::array hidden{Range{0x00, 0x1F},     Range{0x7F, 0x9F},     Range{0xAD, 0xAD},      Range{0x61C, 0x61C},
                            Range{0x180E, 0x180E}, Range{0x200B, 0x200F}, Range{0x2028, 0x202E},  Range{0x2060, 0x206F},
                            Range{0xFEFF, 0xFEFF}, Range{0xFFF9, 0xFFFB}, Range{0xE0000, 0xE007F}};
constexpr std::array combining{
    Range{0x300, 0x36F},   Range{0x483, 0x489},   Range{0x591, 0x5BD},   Range{0x610, 0x61A},   Range{0x64B, 0x65F},
    Range{0x1AB0, 0x1AFF}, Range{0x1DC0, 0x1DFF}, Range{0x20D0, 0x20FF}, Range{0xFE00, 0xFE0F}, Range{0xFE20, 0xFE2F}};
constexpr std::array wide{Range{0x1100, 0x115F},  Range{0x2E80, 0xA4CF},   Range{0xAC00, 0xD7A3},
                          Range{0xF900, 0xFAFF},  Range{0xFE30, 0xFE6F},   Range{0xFF00, 0xFF60},
                          Range{0xFFE0, 0xFFE6},  Range{0x1F300, 0x1F64F}, Range{0x1F680, 0x1FAFF},
                          Range{0x20000, 0x3FFFD}};

/// The first character of `text` and its length in bytes; length 0 = not UTF-8.
std::pair<char32_t, std::size_t> first_of(std::string_view text) {
  const std::size_t length = wire::utf8_length(text);
  if (length == 0) return {0, 0};
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (length == 1) return {byte(0), 1};
  char32_t c = byte(0) & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) c = c << 6 | (byte(i) & 0x3Fu);
  return {c, length};
}

}  // namespace

std::string printable(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  char escape[16];
  while (!bytes.empty()) {
    const auto [c, length] = first_of(bytes);
    if (length == 0) {
      std::snprintf(escape, sizeof escape, "\\x%02X", static_cast<unsigned char>(bytes[0]));
      text += escape;
    } else if (c == '\n') {
      text += "\\n";
    } else if (c == '\t') {
      text += "\\t";
    } else if (c == '\r') {
      text += "\\r";
    } else if (in(hidden, c)) {
      std::snprintf(escape, sizeof escape, c < 0x80 ? "\\x%02X" : "\\u{%04X}", static_cast<unsigned>(c));
      text += escape;
    } else {
      text += bytes.substr(0, length);
    }
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return text;
}

std::size_t columns(std::string_view text) {
  std::size_t total = 0;
  while (!text.empty()) {
    const auto [c, length] = first_of(text);
    total += length == 0 ? 1 : in(combining, c) ? 0 : in(wide, c) ? 2 : 1;
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return total;
}

std::string cut(std::string_view text, std::size_t width) {
  if (width == 0 || columns(text) <= width) return std::string(text);
  std::size_t used = 0;
  std::size_t end = 0;
  while (end < text.size()) {
    const auto [c, length] = first_of(text.substr(end));
    const std::size_t next = length == 0 ? 1 : length;
    const std::size_t takes = columns(text.substr(end, next));
    if (used + takes > width - 1) break;
    used += takes;
    end += next;
  }
  return std::string(text.substr(0, end)) + "…";
}

std::string cut_middle(std::string_view text, std::size_t width) {
  if (width == 0 || columns(text) <= width) return std::string(text);
  std::string shown = cut(text, (width + 1) / 2);  // "…" included
  // The longest end, at the start of a character, that fits into the rest.
  const std::size_t room = width - columns(shown);
  std::size_t begin = text.size();
  for (std::size_t at = text.size(); at-- > 0;) {
    if ((static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) continue;
    if (columns(text.substr(at)) > room) break;
    begin = at;
  }
  return shown.append(text.substr(begin));
}

std::string age(WallNs now, WallNs at) {
  if (at == 0) return "-";
  const std::int64_t seconds = (now - at) / 1'000'000'000;
  if (seconds < 1) return "now";
  if (seconds < 60) return std::to_string(seconds) + " s ago";
  if (seconds < 3600) return std::to_string(seconds / 60) + " m ago";
  if (seconds < 48 * 3600) return std::to_string(seconds / 3600) + " h ago";
  return std::to_string(seconds / 86400) + " d ago";
}

std::string shell_quote(std::string_view bytes) {
  const bool plain = !bytes.empty() && bytes.find_first_not_of(
                                           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                           "0123456789/._-+=:,@%") == std::string_view::npos;
  if (plain) return std::string(bytes);
  if (printable(bytes) == bytes) {
    std::string quoted = "'";
    for (const char c : bytes)
      if (c == '\'')
        quoted += "'\\''";
      else
        quoted += c;
    return quoted + "'";
  }
  std::string quoted = "$'";
  char escape[8];
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\'' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20 || byte >= 0x7F) {
      std::snprintf(escape, sizeof escape, "\\%03o", byte);  // octal: "\xNN" would swallow a hex digit behind it
      quoted += escape;
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string counted(std::size_t count, std::string_view singular) {
  return std::to_string(count) + " " + std::string(singular) + (count == 1 ? "" : "s");
}

}  // namespace plumbline::ctl
