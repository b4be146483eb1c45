#include "baseline/value/sensitive.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace plumbline::baseline {
namespace {

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// "dbMasterPassword", "db_master_password" and "DB-MASTER-PASSWORD" → db, master, password.
std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  };
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (!is_upper(c) && !is_lower(c) && !is_digit(c)) {
      end_word();
      continue;
    }
    const bool after_lower = i > 0 && (is_lower(name[i - 1]) || is_digit(name[i - 1]));
    const bool ends_capitals = i > 0 && is_upper(name[i - 1]) && i + 1 < name.size() && is_lower(name[i + 1]);
    if (is_upper(c) && (after_lower || ends_capitals)) end_word();
    word += is_upper(c) ? static_cast<char>(c + 32) : c;
  }
  end_word();
  return words;
}

template <std::size_t N>
bool is_one_of(const std::string& word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// A word of its own is enough.
constexpr std::array<std::string_view, 27> secrets = {
    "password",   "passwords",  "passwd",          "passphrase",    "pwd",         "secret",
    "secrets",    "token",      "tokens",          "credential",    "credentials", "apikey",
    "privatekey", "kubeconfig", "userdata",        "authorization", "htpasswd",    "dockerconfigjson",
    "dockercfg",  "psk",        "pgpass",          "passcode",      "cookie",      "sas",
    "accesskey",  "secretkey",  "connectionstring"};
// These followed by "key".
constexpr std::array<std::string_view, 12> keys_of = {"private", "api",    "access",  "secret",
                                                      "auth",    "shared", "signing", "account",
                                                      "storage", "master", "primary", "secondary"};
// Of a secret these words at the end tell where it is, how old or how long: no secret themselves.
constexpr std::array<std::string_view, 44> about = {
    "id",       "ids",      "arn",     "arns",       "name",      "names",   "version", "versions", "ttl",
    "type",     "expiry",   "expires", "expiration", "days",      "hours",   "seconds", "length",   "policy",
    "enabled",  "required", "path",    "ref",        "reference", "count",   "age",     "rotation", "status",
    "endpoint", "url",      "uri",     "region",     "change",    "manager", "size",    "format",   "usage",
    "limit",    "mode",     "file",    "date",       "options",   "rules",   "minimum", "retries"};

template <class Part>
bool contains(std::string_view text, Part part) {
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

/// header.payload.signature in base64url, the header beginning with {"
bool has_jwt(std::string_view value) {
  const auto start = value.find("eyJ");
  if (start == std::string_view::npos) return false;
  const auto token = value.substr(start, value.find_first_of(" \t\n\"',;", start) - start);
  return token.size() > 40 && std::count(token.begin(), token.end(), '.') >= 2;
}

}  // namespace

bool sounds_sensitive(std::string_view name) {
  const auto words = words_of(name);
  if (words.empty() || is_one_of(words.back(), about)) return false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (is_one_of(words[i], secrets)) return true;
    if (i + 1 == words.size()) continue;
    const std::string& next = words[i + 1];
    if ((next == "key" || next == "keys") && is_one_of(words[i], keys_of)) return true;
    if (words[i] == "connection" && next == "string") return true;
    if (words[i] == "user" && next == "data") return true;
    if (words[i] == "custom" && next == "data") return true;
    if (words[i] == "pass" && next == "phrase") return true;
  }
  return false;
}

bool looks_sensitive(std::string_view value) {
  // Cheap questions first: nearly all values are short, and this is asked of each.
  if (value.size() < 8) return false;
  if (contains(value, '@') && has_url_password(value)) return true;
  if (value.starts_with("Bearer ") || value.starts_with("\"Bearer ")) return true;
  if (value.size() < 20) return false;
  if (contains(value, "PRIVATE KEY-----") || contains(value, "Authorization: ")) return true;
  if (contains(value, "aws_secret_access_key") || contains(value, "AWS_SECRET_ACCESS_KEY=")) return true;
  return has_jwt(value);
}

}  // namespace plumbline::baseline
