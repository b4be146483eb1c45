#include "baseline/source/systemd_syntax.hpp"

#include <algorithm>
#include <cstring>

#include "include/util/hex.hpp"
#include "include/wire/text.hpp"

namespace plumbline::baseline {
namespace {

constexpr std::size_t longest_line = std::size_t{1} << 20;
constexpr std::string_view blanks = " \t\n\r";
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

/// Whether it ends in a backslash that stands for itself: the next line goes on with it.
bool goes_on(std::string_view line) {
  const auto last = line.find_last_not_of('\\');
  return (line.size() - (last == std::string_view::npos ? 0 : last + 1)) % 2 == 1;
}

/// Takes a line off `text`: it ends at a line feed or a carriage return, or at both.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find_first_of("\n\r");
  const auto line = text.substr(0, end);
  text.remove_prefix(line.size());
  if (text.empty()) return line;
  const char other = text[0] == '\n' ? '\r' : '\n';
  text.remove_prefix(text.size() > 1 && text[1] == other ? 2 : 1);
  return line;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = wire::utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

class Parser {
 public:
  Parser(const std::string& origin, const UnitHandlers& handlers) : origin_(origin), handlers_(handlers) {}
  ~Parser() { clear(); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  Result<void> parse(std::string_view text) {
    if (text.find('\0') != std::string_view::npos)
      return invalid("read " + origin_, "it holds a NUL byte: not a file of systemd's",
                     "name a unit file or a drop-in");
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    while (!text.empty()) {
      ++line_;
      const auto line = take_line(text);
      // Comments may stand between the parts of a continued line.
      const auto first = line.find_first_not_of(blanks);
      if (first != std::string_view::npos && (line[first] == '#' || line[first] == ';')) continue;
      if (joined_.size() + line.size() > longest_line) return refuse("a line of more than 1 MiB", "shorten it");
      if (!is_joining_ && !goes_on(line)) {
        if (auto ok = take(line); !ok) return ok;
        continue;
      }
      joined_ += line;
      is_joining_ = goes_on(line);
      if (is_joining_) {
        joined_.back() = ' ';
        continue;
      }
      if (auto ok = take(joined_); !ok) return ok;
      clear();
    }
    return is_joining_ ? take(joined_) : Result<void>{};
  }

 private:
  Error refuse(const std::string& why, const std::string& fix) const {
    return invalid(origin_ + ":" + std::to_string(line_), why, fix);
  }

  void clear() {
    explicit_bzero(joined_.data(), joined_.size());
    joined_.clear();
    is_joining_ = false;
  }

  Result<void> take(std::string_view line) {
    line = trimmed(line);
    if (line.empty()) return {};
    if (!is_utf8(line)) return refuse("not UTF-8: systemd refuses the file", "write it in UTF-8");
    if (line.front() == '[') {
      if (line.back() != ']')
        return refuse("a section header without its ]: systemd refuses the file", "is the file whole?");
      section_ = line.substr(1, line.size() - 2);
      in_section_ = true;
      return {};
    }
    const auto equals = line.find('=');
    if (!in_section_) {
      handlers_.ignored(line_, "an assignment before the first section");
    } else if (equals == std::string_view::npos) {
      handlers_.ignored(line_, "a line without `=`");
    } else if (trimmed(line.substr(0, equals)).empty()) {
      handlers_.ignored(line_, "a line without a key before `=`");
    } else {
      handlers_.assignment({section_, trimmed(line.substr(0, equals)), trimmed(line.substr(equals + 1)), line_});
    }
    return {};
  }

  const std::string& origin_;
  const UnitHandlers& handlers_;
  std::uint32_t line_ = 0;
  bool in_section_ = false;
  std::string section_;
  std::string joined_;  ///< the lines of a continued one so far
  bool is_joining_ = false;
};

void append_utf8(std::string& out, std::uint32_t code) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

/// Takes `count` digits of `base` off `rest`.
bool take_number(std::string_view& rest, std::size_t count, int base, std::uint32_t& number) {
  if (rest.size() < count) return false;
  number = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const int digit = hex_value(rest[i]);
    if (digit < 0 || digit >= base) return false;
    number = number * static_cast<std::uint32_t>(base) + static_cast<std::uint32_t>(digit);
  }
  rest.remove_prefix(count);
  return true;
}

/// cunescape_one(): takes what follows a backslash off `rest`; false where it is no escape.
bool take_escape(std::string_view& rest, std::string& word) {
  constexpr std::string_view names = "abfnrtvs\\\"'";
  constexpr std::string_view values = "\a\b\f\n\r\t\v \\\"'";
  if (rest.empty()) return false;
  if (const auto at = names.find(rest[0]); at != std::string_view::npos) {
    word += values[at];
    rest.remove_prefix(1);
    return true;
  }
  std::uint32_t number = 0;
  const char kind = rest[0];
  if (kind == 'x' || kind == 'u' || kind == 'U') {
    rest.remove_prefix(1);
    if (!take_number(rest, kind == 'x' ? 2 : kind == 'u' ? 4 : 8, 16, number)) return false;
  } else if (!take_number(rest, 3, 8, number) || number > 0xFF) {
    return false;
  }
  if (number == 0 || number > 0x10FFFF || (number >= 0xD800 && number < 0xE000)) return false;
  if (kind == 'u' || kind == 'U') {
    append_utf8(word, number);
  } else {
    word += static_cast<char>(number);
  }
  return true;
}

}  // namespace

Result<void> parse_unit(const std::string& origin, std::string_view text, const UnitHandlers& handlers) {
  return Parser(origin, handlers).parse(text);
}

std::optional<std::string> take_unit_word(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(blanks), rest.size()));
  if (rest.empty()) return std::nullopt;
  std::string_view ahead = rest;
  std::string word;
  char quote = 0;
  const auto broken = [&]() -> std::optional<std::string> {
    explicit_bzero(word.data(), word.size());
    return std::nullopt;
  };
  while (!ahead.empty()) {
    const char c = ahead.front();
    ahead.remove_prefix(1);
    if (c == '\\') {
      if (!take_escape(ahead, word)) return broken();
    } else if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (blanks.find(c) != std::string_view::npos) {
      break;
    } else {
      word += c;
    }
  }
  if (quote != 0) return broken();
  rest = ahead;
  return word;
}

}  // namespace plumbline::baseline
