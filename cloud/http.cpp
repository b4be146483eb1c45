#include "cloud/http.hpp"

#include <algorithm>

namespace plumbline::cloud {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

/// RFC 3986's unreserved characters.
bool is_unreserved(char c) {
  const char l = lower(c);
  return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

/// The byte at the front of `text`, decoded, which is taken off.
char take(std::string_view& text, bool plus) {
  const char c = text.front();
  if (c == '%' && text.size() >= 3) {
    const int high = hex_digit(text[1]), low = hex_digit(text[2]);
    if (high >= 0 && low >= 0) {
      text.remove_prefix(3);
      return static_cast<char>(high * 16 + low);
    }
  }
  text.remove_prefix(1);
  return plus && c == '+' ? ' ' : c;
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view header(std::span<const HeaderField> headers, std::string_view name) {
  for (const auto& field : headers)
    if (equal_ignoring_case(field.name, name)) return field.value;
  return {};
}

std::string percent_decoded(std::string_view text, bool plus) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) out += take(text, plus);
  return out;
}

bool percent_equal(std::string_view encoded, std::string_view plain) {
  if (encoded == plain) return true;
  if (encoded.size() <= plain.size()) return false;
  for (const char c : plain)
    if (encoded.empty() || take(encoded, false) != c) return false;
  return encoded.empty();
}

bool QueryWalk::next(QueryPair& pair) {
  while (!rest_.empty()) {
    const auto part = rest_.substr(0, rest_.find('&'));
    rest_.remove_prefix(std::min(part.size() + 1, rest_.size()));
    if (part.empty()) continue;
    const auto equal = part.find('=');
    pair.key = part.substr(0, equal);
    pair.has_value = equal != std::string_view::npos;
    pair.value = equal == std::string_view::npos ? std::string_view() : part.substr(equal + 1);
    return true;
  }
  return false;
}

std::optional<std::string_view> query_value(std::string_view query, std::string_view key) {
  QueryWalk walk(query);
  for (QueryPair pair; walk.next(pair);)
    if (percent_equal(pair.key, key)) return pair.value;
  return std::nullopt;
}

bool says_only(std::string_view query, std::string_view key, std::initializer_list<std::string_view> values) {
  bool says = false;
  QueryWalk walk(query);
  for (QueryPair pair; walk.next(pair);) {
    if (!percent_equal(pair.key, key)) continue;
    says = std::any_of(values.begin(), values.end(), [&](auto value) { return percent_equal(pair.value, value); });
    if (!says) return false;
  }
  return says;
}

Target split_target(std::string_view target) {
  if (!target.starts_with('/')) {
    if (const auto scheme = target.find("://"); scheme != std::string_view::npos && scheme < 8) {
      const auto path = target.find_first_of("/?", scheme + 3);
      target = path == std::string_view::npos ? std::string_view() : target.substr(path);
    }
  }
  target = target.substr(0, target.find('#'));
  const auto query = target.find('?');
  return {target.substr(0, query), query == std::string_view::npos ? std::string_view() : target.substr(query + 1)};
}

std::string plain_target(std::string_view target) {
  std::string_view path = target.substr(0, target.find('?'));
  const auto query = target.substr(path.size());
  std::string plain;
  plain.reserve(target.size());
  while (!path.empty()) {
    const auto before = path;
    const char c = take(path, false);
    const auto written = before.substr(0, before.size() - path.size());
    if (is_unreserved(c))
      plain += c;
    else
      plain += written;
  }
  return plain.append(query);
}

}  // namespace plumbline::cloud
