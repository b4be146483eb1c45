#include "agent/enrich/redact.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace plumbline::agent {
namespace {

constexpr std::array<std::string_view, 9> words{"passw",  "passphrase", "secret",  "token",  "credential",
                                                "apikey", "api_key",    "api-key", "private"};
constexpr std::string_view hidden = "***";

bool sounds_secret(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::any_of(words.begin(), words.end(), [&](auto word) { return lower.find(word) != std::string::npos; });
}

bool in_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
}

/// name=value and "name": "value", wherever in the text they stand.
void hide_values(std::string& text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '=' && text[at] != ':') continue;
    std::size_t end = at;
    while (end > 0 && (text[end - 1] == '"' || text[end - 1] == '\'' || text[end - 1] == ' ')) --end;
    std::size_t begin = end;
    while (begin > 0 && in_name(text[begin - 1])) --begin;
    if (begin == end || !sounds_secret(std::string_view(text).substr(begin, end - begin))) continue;
    std::size_t from = at + 1;
    while (from < text.size() && (text[from] == '"' || text[from] == '\'' || text[from] == ' ')) ++from;
    const char quote = from > at + 1 ? text[from - 1] : ' ';
    std::size_t to = from;
    while (to < text.size() &&
           (quote == '"' || quote == '\''
                ? text[to] != quote
                : std::isspace(static_cast<unsigned char>(text[to])) == 0 && text[to] != '&' && text[to] != ';'))
      ++to;
    if (to == from) continue;
    text.replace(from, to - from, hidden);
    at = from + hidden.size() - 1;
  }
}

/// scheme://user:password@host
void hide_url_password(std::string& text) {
  for (std::size_t at = text.find("://"); at != std::string::npos; at = text.find("://", at + 3)) {
    const std::size_t end = text.find_first_of("/ \"'", at + 3);
    const std::size_t sign = text.rfind('@', end == std::string::npos ? text.size() : end);
    const std::size_t colon = text.find(':', at + 3);
    if (sign == std::string::npos || colon == std::string::npos || sign < at || colon > sign) continue;
    text.replace(colon + 1, sign - colon - 1, hidden);
  }
}

}  // namespace

std::vector<std::string> redact_argv(std::vector<std::string> argv) {
  for (std::size_t i = 0; i < argv.size(); ++i) {
    const bool flag =
        argv[i].starts_with('-') && argv[i].find('=') == std::string::npos && argv[i].find(' ') == std::string::npos;
    if (flag && sounds_secret(argv[i]) && i + 1 < argv.size() && !argv[i + 1].starts_with('-')) {
      argv[++i] = hidden;
      continue;
    }
    hide_url_password(argv[i]);
    hide_values(argv[i]);
  }
  return argv;
}

}  // namespace plumbline::agent
