#include "http/page.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "include/util/nearest.hpp"

namespace plumbline::http {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string base64url(std::string_view bytes) {
  std::string text;
  std::uint32_t bits = 0;
  int have = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (have += 8; have >= 6; have -= 6) text += alphabet[bits >> (have - 6) & 63];
  }
  if (have > 0) text += alphabet[bits << (6 - have) & 63];
  return text;
}

std::optional<std::string> from_base64url(std::string_view text) {
  std::string bytes;
  std::uint32_t bits = 0;
  int have = 0;
  for (const char c : text) {
    const auto digit = alphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    have += 6;
    if (have >= 8) {
      have -= 8;
      bytes += static_cast<char>(bits >> have & 255);
    }
  }
  return bytes;
}

/// FNV-1a: against typing errors and mixed-up lists, not against forgery. A cursor gives no access to anything.
std::string check_value(std::string_view list, std::string_view position) {
  std::uint32_t hash = 2166136261u;
  const auto feed = [&](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  };
  feed(list);
  feed("/");
  feed(position);
  std::string bytes;
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(hash >> shift & 255);
  return bytes;
}

/// "did you mean state? known: …"; without the question where nothing is near.
std::string suggest(std::string_view word, std::span<const std::string_view> known) {
  std::string all;
  for (const auto candidate : known) all.append(all.empty() ? "" : ", ").append(candidate);
  std::string text;
  if (const auto near = nearest(word, known); !near.empty()) text.append("did you mean ").append(near).append("? ");
  return text + "known: " + (all.empty() ? "none" : all);
}

std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 64)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  return out + (text.size() > 64 ? "…" : "");
}

}  // namespace

Result<std::size_t> parse_limit(const Fields& query) {
  const auto* text = find_field(query, "limit");
  if (text == nullptr) return default_limit;
  std::size_t limit = 0;
  const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (ec != std::errc() || end != text->data() + text->size() || limit < 1 || limit > max_limit)
    return invalid("read the parameter limit=" + shown(*text), "it is not a whole number from 1 to 1000",
                   "leave it out for 100");
  return limit;
}

Result<std::optional<WallNs>> parse_since(const Fields& query) {
  const auto* text = find_field(query, "since");
  if (text == nullptr) return std::optional<WallNs>();
  const auto at = parse_rfc3339(*text);
  if (!at)
    return invalid("read the parameter since=" + shown(*text), "it is not an RFC 3339 time",
                   "write it as 2026-11-24T01:47:30Z (\"+\" of an offset as %2B)");
  return at;
}

std::string encode_cursor(std::string_view list, std::string_view position) {
  return base64url(check_value(list, position).append(position));
}

Result<std::string> decode_cursor(std::string_view list, std::string_view cursor) {
  auto bytes = from_base64url(cursor);
  if (!bytes || bytes->size() < 4 || check_value(list, std::string_view(*bytes).substr(4)) != bytes->substr(0, 4))
    return invalid("read the parameter cursor=" + shown(cursor), "it is not a cursor of this list",
                   "give next_cursor as it came, or leave it out to begin at the start");
  return bytes->substr(4);
}

Result<std::optional<std::string>> parse_cursor(const Fields& query, std::string_view list) {
  const auto* text = find_field(query, "cursor");
  if (text == nullptr) return std::optional<std::string>();
  auto position = decode_cursor(list, *text);
  if (!position) return position.error();
  return std::optional<std::string>(std::move(*position));
}

Result<void> check_query(const Fields& query, std::initializer_list<std::string_view> known) {
  for (auto it = query.begin(); it != query.end(); ++it) {
    if (std::find(known.begin(), known.end(), it->first) == known.end())
      return invalid("read the parameter " + shown(it->first), "it is not known here",
                     suggest(it->first, {known.begin(), known.size()}));
    if (std::any_of(query.begin(), it, [&](const auto& earlier) { return earlier.first == it->first; }))
      return invalid("read the parameter " + shown(it->first), "it is given twice", "give it once");
  }
  return {};
}

Result<void> check_word(std::string_view parameter, std::string_view value, std::span<const std::string_view> known) {
  if (std::find(known.begin(), known.end(), value) != known.end()) return {};
  return invalid("read the parameter " + std::string(parameter) + "=" + shown(value), "it is not a known value",
                 suggest(value, known));
}

Response PageWriter::finish(std::string_view next) && {
  body_ += "],\"next_cursor\":";
  body_.append(next.empty() ? "null" : "\"").append(next).append(next.empty() ? "" : "\"");
  body_ += "}\n";
  return json_response(std::move(body_));
}

}  // namespace plumbline::http
