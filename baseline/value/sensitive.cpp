// Values that are or have a secret in them.
#include "baseline/value/sensitive.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "baseline/value/ascii.hpp"
#include "baseline/value/byte_classes.hpp"

namespace plumbline::baseline {
namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// scheme://user:password@host
bool has_url_password(std::string_view value) {
  for (std::size_t at = 0; (at = value.find("://", at)) != std::string_view::npos; at += 3) {
    const std::string_view rest = value.substr(at + 3, value.find_first_of("/?# \t\n\"'", at + 3) - (at + 3));
    const auto host = rest.rfind('@');
    const auto colon = rest.find(':');
    if (host != std::string_view::npos && colon != std::string_view::npos && colon + 1 < host) return true;
  }
  return false;
}

/// Long and with digits in it: not a word that somebody chose.
bool is_random(std::string_view text, std::size_t shortest = 16) {
  return text.size() >= shortest && std::any_of(text.begin(), text.end(), is_digit);
}

/// "/api/webhooks/1/TOKEN", "/hooks/TOKEN". `hook_host`: the host's name says the same already.
bool has_hook_path(std::string_view path, bool hook_host) {
  constexpr std::array<std::string_view, 7> hooks = {"hook",      "hooks",        "webhook",        "webhooks",
                                                     "webhookb2", "webhook-test", "incomingwebhook"};
  while (path.ends_with('/')) path.remove_suffix(1);
  const std::size_t last = path.rfind('/');
  if (last == std::string_view::npos) return false;
  const bool is_random_end = is_random(path.substr(last + 1), hook_host ? 6 : 16);
  bool is_hook = hook_host;
  for (path = path.substr(0, last); !is_hook && !path.empty();) {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    is_hook = is_one_of(segment, hooks);
    path.remove_prefix(segment.size());
  }
  return is_hook && is_random_end;
}

/// "key=…&token=…": parameters that open what the address names. Those of longer names are found by assigns_secret().
bool has_key_in_query(std::string_view query) {
  constexpr std::array<std::string_view, 4> keys = {"key", "code", "sig", "signature"};
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    const std::size_t name = std::min(part.find('='), part.size());
    if (is_one_of(part.substr(0, name), keys) && is_random(part.substr(name))) return true;
    query.remove_prefix(std::min(part.size() + 1, query.size()));
  }
  return false;
}

/// An address that is a secret as a whole, as whoever knows it may call it: a webhook's of Slack, Discord, Teams, …
bool has_secret_address(std::string_view value) {
  constexpr std::array<std::string_view, 2> hosts = {"hook", "hooks"};  // not "webhook", a service of many clusters
  for (std::size_t at = value.find("://"); at != std::string_view::npos;) {
    const std::size_t next = value.find("://", at + 3);  // cut there too: each byte is looked at once
    std::string_view address = value.substr(at + 3, next == std::string_view::npos ? next : next - (at + 3));
    address = address.substr(0, address.find_first_of(" \t\r\n\"'\\<>#"));
    const std::string_view host = address.substr(0, address.find_first_of("/?"));
    address.remove_prefix(host.size());
    const std::string_view path = address.substr(0, address.find('?'));
    if (has_hook_path(path, is_one_of(host.substr(0, host.find('.')), hosts))) return true;
    address.remove_prefix(std::min(path.size() + 1, address.size()));
    if (has_key_in_query(address)) return true;
    at = next;
  }
  return false;
}

/// A command line that says a secret: "--db-password x", "curl -u user:x", "mysql -px".
bool has_secret_option(std::string_view value) {
  for (std::size_t at = value.find("--"); at != std::string_view::npos; at = value.find("--", at)) {
    const std::size_t begin = at += 2;
    while (at < value.size() && (is_word(value[at]) || value[at] == '-' || value[at] == '_')) ++at;
    const bool has_value = at + 1 < value.size() && value[at] == ' ' && value[at + 1] != '-' && value[at + 1] != ' ';
    if (has_value && sounds_sensitive(value.substr(begin, at - begin))) return true;
  }
  const auto after = [&](std::string_view option) {
    const auto found = value.find(option);
    if (found == std::string_view::npos) return std::string_view();
    const std::string_view rest = value.substr(found + option.size());
    return rest.substr(0, rest.find(' '));
  };
  const std::string_view user = after(" -u ");
  const std::size_t colon = user.find(':');
  // Not "-u 1000:1000", whose command runs as that user and group.
  const bool user_and_password =
      colon != std::string_view::npos && colon + 1 < user.size() &&
      !std::all_of(user.begin() + static_cast<std::ptrdiff_t>(colon) + 1, user.end(), is_digit);
  return user_and_password || (contains(value, "mysql") && !after(" -p").empty());
}

/// What AWS makes of 30 random bytes: 40 signs of base64, some of each kind. A digest of SHA-1 has no capitals.
bool is_aws_secret_key(std::string_view value) {
  constexpr std::size_t length = 40;
  if (value.size() == length + 2 && value.front() == '"') value = value.substr(1, length);
  return value.size() == length &&
         std::all_of(value.begin(), value.end(), [](char c) { return is_word(c) || c == '/' || c == '+'; }) &&
         std::any_of(value.begin(), value.end(), is_upper) && std::any_of(value.begin(), value.end(), is_lower) &&
         std::any_of(value.begin(), value.end(), is_digit);
}

/// A manifest with a Secret of Kubernetes in it.
bool has_secret_object(std::string_view value) {
  if (!contains(value, "Secret")) return false;
  for (auto at = value.find("kind: Secret"); at != std::string_view::npos; at = value.find("kind: Secret", at + 1))
    if (const auto end = at + 12; end >= value.size() || !is_word(value[end])) return true;
  return contains(value, "\"kind\":\"Secret\"") || contains(value, "\\\"kind\\\":\\\"Secret\\\"");
}

/// header.payload.signature in base64url, the header beginning with {"
bool has_jwt(std::string_view value) {
  for (std::size_t at = value.find("eyJ"); at != std::string_view::npos; at = value.find("eyJ", at)) {
    std::size_t end = at, dots = 0;
    for (; end < value.size() && (is_word(value[end]) || value[end] == '-' || value[end] == '_' || value[end] == '.');
         ++end)
      dots += value[end] == '.';
    if (end - at > 40 && dots >= 2) return true;
    at = end;
  }
  return false;
}

/// "Bearer …" or "Basic …" at the start.
bool has_authorization(std::string_view value) {
  if (value.starts_with('"')) value.remove_prefix(1);
  return value.starts_with("Bearer ") || value.starts_with("Basic ");
}

constexpr std::size_t longest_word = 6;  ///< "github"

/// The word that ends at `end`, "" where it is longer than those that begin a token, or is only the end of a name.
std::string_view word_before(std::string_view value, std::size_t end) {
  std::size_t begin = end;
  while (begin > 0 && end - begin <= longest_word && is_word(value[begin - 1])) --begin;
  if (end - begin > longest_word || (begin > 0 && value[begin - 1] == '_')) return {};
  return value.substr(begin, end - begin);
}

constexpr std::array<std::string_view, 17> token_beginnings = {
    "ghp_",    "gho_",   "ghs_",  "ghu_",  "ghr_",  "github_pat_", "sk_live_",        "rk_live_", "npm_",
    "dop_v1_", "glpat-", "xoxb-", "xoxp-", "xoxa-", "xapp-",       "AGE-SECRET-KEY-", "hvs."};

/// Where the first sign of a beginning stands that is no letter.
constexpr std::size_t sign_in(std::string_view beginning) {
  return beginning.find_first_of("_-.");
}

enum TokenByte : std::uint8_t { is_sign = 1, before_sign = 2, two_before_sign = 4 };
constexpr std::array<std::uint8_t, 256> token_bytes = [] {
  std::array<std::uint8_t, 256> table{};
  const auto mark = [&](char c, TokenByte as) { table[static_cast<unsigned char>(c)] |= as; };
  for (const auto beginning : token_beginnings) {
    const std::size_t at = sign_in(beginning);
    mark(beginning[at], is_sign);
    mark(beginning[at - 1], before_sign);
    mark(beginning[at - 2], two_before_sign);
  }
  return table;
}();

/// ghp_…, xoxb-…: how services begin their tokens so that they can be found.
bool has_service_token(std::string_view value, unsigned classes) {
  constexpr std::size_t shortest = 20;
  if (value.size() < shortest) return false;
  if ((classes & (underscore | hyphen)) == 0) return value.starts_with("hvs.");
  const auto is = [&](std::size_t at, TokenByte what) {
    return (token_bytes[static_cast<unsigned char>(value[at])] & what) != 0;
  };
  // By the first sign in them that is no letter, and the two letters before it: a text has few of those.
  const std::size_t end = std::min(value.size() - shortest + longest_word + 1, value.size());
  for (std::size_t at = 2; at < end; ++at) {
    if (!is(at, is_sign) || !is(at - 1, before_sign) || !is(at - 2, two_before_sign)) continue;
    const std::size_t begin = at - word_before(value, at).size();
    if (begin == at || value.size() - begin < shortest) continue;
    const auto rest = value.substr(begin);
    if (std::any_of(token_beginnings.begin(), token_beginnings.end(),
                    [&](std::string_view beginning) { return rest.starts_with(beginning); }))
      return true;
  }
  return false;
}

/// The next "=" or ":" from `at` on. Not find_first_of(), which calls memchr() for each byte.
std::size_t next_assignment(std::string_view value, std::size_t at) {
  while (at < value.size() && value[at] != '=' && value[at] != ':') ++at;
  return at;
}

/// The name before a "=" or ":" that something follows: "--db-password=x", "token: x", "\"secret\": \"x\"". A colon
/// needs a blank or a quote behind it: ARNs have "secret:" in them. Or a name of its own and a value behind it:
/// "name: DB_PASSWORD", "value: x".
bool assigns_secret(std::string_view value) {
  constexpr std::size_t longest_name = 64;
  const auto is_name_sign = [](char c) { return is_word(c) || c == '_' || c == '-'; };
  bool named = false;  // the last name was that of a secret
  for (auto at = next_assignment(value, 0); at < value.size(); at = next_assignment(value, at + 1)) {
    constexpr std::string_view blanks = " \t\"'\\";
    const auto next = value.find_first_not_of(blanks, at + 1);
    if (next == std::string_view::npos) return false;
    if (value[next] == '=' || value[next] == '\n' || value[next] == '\r') continue;
    if (value[at] == ':' && next == at + 1) continue;
    std::size_t end = at;
    while (end > 0 && at - end < 4 && blanks.find(value[end - 1]) != std::string_view::npos) --end;
    std::size_t begin = end;
    while (begin > 0 && end - begin < longest_name && is_name_sign(value[begin - 1])) --begin;
    const auto name = value.substr(begin, end - begin);
    if (equals(name, "name") || equals(name, "key")) {
      std::size_t last = next;
      while (last < value.size() && last - next < longest_name && is_name_sign(value[last])) ++last;
      named = sounds_sensitive(value.substr(next, last - next));
    } else if (!name.empty() && (sounds_sensitive(name) || (named && equals(name, "value")))) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool looks_sensitive(std::string_view value) {
  return looks_sensitive(value, byte_classes(value));
}

bool looks_sensitive(std::string_view value, unsigned classes) {
  if (value.size() < 8) return false;
  const auto has = [&](unsigned all) { return (classes & all) == all; };
  if (has(at_sign | colon) && has_url_password(value)) return true;
  if ((has(equals_sign) || has(colon | blank_or_quote)) && assigns_secret(value)) return true;
  if (has(colon) && has_secret_address(value)) return true;
  if (has(capital_j) && has_jwt(value)) return true;
  if (has(blank_or_quote) && has_authorization(value)) return true;
  if (has(blank_or_quote | hyphen) && (contains(value, "PRIVATE KEY-----") || has_secret_option(value))) return true;
  if (has(colon) && has_secret_object(value)) return true;
  if (is_aws_secret_key(value)) return true;
  return has_service_token(value, classes);
}

}  // namespace plumbline::baseline
