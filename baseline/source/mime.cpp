#include "baseline/source/mime.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include "baseline/source/base64.hpp"
#include "include/util/hex.hpp"
#include "include/util/lower.hpp"

namespace plumbline::baseline {
namespace {

constexpr int max_nesting = 8;
constexpr std::size_t max_parts = 10'000;

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

/// Takes the first line off `rest`, its line end included.
std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  const auto line = rest.substr(0, end == std::string_view::npos ? end : end + 1);
  rest.remove_prefix(line.size());
  return line;
}

struct Header {
  std::string name;  ///< lower case
  std::string value;
};

/// A line that can be one: a name of printable characters, then a colon.
bool is_header(std::string_view line) {
  const auto colon = line.find(':');
  return colon != 0 && colon != std::string_view::npos &&
         std::all_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(colon),
                     [](char c) { return c > ' ' && c < 0x7F; });
}

/// Takes the headers off `rest`, up to the empty line, or to the first line that is none.
std::vector<Header> take_headers(std::string_view& rest) {
  std::vector<Header> headers;
  if (rest.starts_with("From ")) take_line(rest);  // an mbox's own line
  while (!rest.empty()) {
    auto ahead = rest;
    const auto line = take_line(ahead);
    if (trimmed(line).empty()) {
      rest = ahead;
      break;
    }
    if ((line[0] == ' ' || line[0] == '\t') && !headers.empty()) {
      headers.back().value.append(" ").append(trimmed(line));
    } else if (is_header(line)) {
      const auto colon = line.find(':');
      headers.push_back({lower(line.substr(0, colon)), std::string(trimmed(line.substr(colon + 1)))});
    } else {
      break;
    }
    rest = ahead;
  }
  return headers;
}

std::string value_of(const std::vector<Header>& headers, std::string_view name) {
  for (const auto& header : headers)
    if (header.name == name) return header.value;
  return "";
}

/// "text/plain" of "Text/Plain; charset=utf-8", and where there is none.
std::string type_of(const std::string& content_type) {
  const std::string type = lower(trimmed(content_type.substr(0, content_type.find(';'))));
  return std::count(type.begin(), type.end(), '/') == 1 ? type : "text/plain";
}

/// A parameter of a header, out of its quotes.
std::optional<std::string> parameter(std::string_view value, std::string_view name) {
  auto semicolon = value.find(';');
  while (semicolon != std::string_view::npos) {
    value.remove_prefix(semicolon + 1);
    const auto equals = value.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const bool wanted = lower(trimmed(value.substr(0, equals))) == name;
    value = value.substr(equals + 1);
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    std::string text;
    std::size_t i = 0;
    if (value.starts_with('"')) {
      for (i = 1; i < value.size() && value[i] != '"'; ++i) {
        if (value[i] == '\\' && i + 1 < value.size()) ++i;
        text += value[i];
      }
    } else {
      text = trimmed(value.substr(0, value.find(';')));
    }
    if (wanted) return text;
    semicolon = value.find(';', i);
  }
  return std::nullopt;
}

/// As binascii.a2b_qp: a broken escape stays as it is.
std::string from_quoted_printable(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      bytes += text[i];
      continue;
    }
    if (i + 1 >= text.size()) break;
    const char next = text[i + 1];
    if (next == '\n' || next == '\r') {
      const auto end = text.find('\n', i + 1);
      if (end == std::string_view::npos) break;
      i = end;
    } else if (next == '=') {
      bytes += '=';
      ++i;
    } else if (i + 2 < text.size() && hex_value(next) >= 0 && hex_value(text[i + 2]) >= 0) {
      bytes += static_cast<char>(hex_value(next) << 4 | hex_value(text[i + 2]));
      i += 2;
    } else {
      bytes += '=';
    }
  }
  return bytes;
}

/// Python mends a padding that is missing.
std::optional<std::string> from_base64(std::string_view text) {
  if (auto bytes = decode_base64(text, Base64::lenient)) return bytes;
  std::string padded(text);
  std::optional<std::string> bytes;
  for (int i = 0; i < 2 && !bytes; ++i) bytes = decode_base64(padded += '=', Base64::lenient);
  explicit_bzero(padded.data(), padded.size());
  return bytes;
}

class Reader {
 public:
  explicit Reader(const std::string& origin) : origin_(origin) {}
  ~Reader() {
    for (auto& part : parts_) explicit_bzero(part.body.data(), part.body.size());
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Result<void> read(std::string_view message, int nesting) {
    if (nesting > max_nesting) return refuse("parts within parts deeper than " + std::to_string(max_nesting));
    if (parts_.size() >= max_parts) return refuse("more than " + std::to_string(max_parts) + " parts");
    const auto headers = take_headers(message);
    const std::string content_type = value_of(headers, "content-type");
    const std::string type = type_of(content_type);
    if (type.starts_with("multipart/")) return read_multipart(parameter(content_type, "boundary"), message, nesting);
    MimePart part;
    part.type = type;
    part.merge_type = value_of(headers, "merge-type");
    if (part.merge_type.empty()) part.merge_type = value_of(headers, "x-merge-type");
    part.launch_index = value_of(headers, "launch-index");
    const std::string encoding = lower(value_of(headers, "content-transfer-encoding"));
    if (encoding == "base64") {
      auto bytes = from_base64(message);
      if (!bytes) return refuse("the part is said to be base64 and is not");
      part.body = std::move(*bytes);
    } else if (encoding == "quoted-printable") {
      part.body = from_quoted_printable(message);
    } else {
      part.body = message;
      part.garbled =
          std::any_of(message.begin(), message.end(), [](char c) { return static_cast<signed char>(c) < 0; });
    }
    parts_.push_back(std::move(part));
    return {};
  }

  std::vector<MimePart> take() { return std::move(parts_); }

 private:
  Error refuse(const std::string& why) const {
    return invalid(origin_ + ", part " + std::to_string(parts_.size() + 1), why, "is the message whole?");
  }

  Result<void> read_multipart(const std::optional<std::string>& boundary, std::string_view rest, int nesting) {
    if (!boundary || boundary->empty()) return refuse("a multipart without a boundary");
    const std::string delimiter = "--" + *boundary;
    const char* begin = nullptr;  // of the part that is open
    while (!rest.empty()) {
      const auto line = take_line(rest);
      if (!line.starts_with(delimiter)) continue;
      auto after = line.substr(delimiter.size());
      const bool last = after.starts_with("--");
      if (last) after.remove_prefix(2);
      if (!trimmed(after).empty()) continue;
      if (begin != nullptr) {
        // The line end before a boundary belongs to it.
        std::string_view part(begin, static_cast<std::size_t>(line.data() - begin));
        if (part.ends_with('\n')) part.remove_suffix(1);
        if (part.ends_with('\r')) part.remove_suffix(1);
        if (auto ok = read(part, nesting + 1); !ok) return ok;
      }
      if (last) return {};
      begin = rest.data();
    }
    return refuse("its closing boundary is missing");
  }

  const std::string& origin_;
  std::vector<MimePart> parts_;
};

}  // namespace

Result<std::vector<MimePart>> mime_parts(const std::string& origin, std::string_view message) {
  Reader reader(origin);
  if (auto ok = reader.read(message, 0); !ok) return ok.error();
  return reader.take();
}

}  // namespace plumbline::baseline
