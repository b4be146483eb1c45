// Names of what is a secret.
#include <algorithm>
#include <array>
#include <utility>

#include "baseline/value/ascii.hpp"
#include "baseline/value/sensitive.hpp"

namespace plumbline::baseline {
namespace {

/// Cuts the first word off: "dbMasterPassword", "db_master_password" and "DB-MASTER-PASSWORD" are db, master, password.
std::string_view next_word(std::string_view& name) {
  std::size_t begin = 0;
  while (begin < name.size() && !is_word(name[begin])) ++begin;
  std::size_t end = begin;
  for (; end < name.size() && is_word(name[end]); ++end) {
    if (end == begin || !is_upper(name[end])) continue;
    const bool ends_capitals = is_upper(name[end - 1]) && end + 1 < name.size() && is_lower(name[end + 1]);
    if (!is_upper(name[end - 1]) || ends_capitals) break;
  }
  const auto word = name.substr(begin, end - begin);
  name.remove_prefix(end);
  return word;
}

// A word of its own is enough.
constexpr std::array<std::string_view, 22> secrets = {
    "passwords", "pwd",        "secrets",       "tokens",   "credential", "credentials",      "kubeconfig",
    "userdata",  "customdata", "authorization", "htpasswd", "psk",        "preshared",        "dockerconfigjson",
    "dockercfg", "pgpass",     "adminpass",     "passcode", "cookie",     "connectionstring", "sas",
    "plaintext"};
// So is a word that is or ends like this: "password", "dbpassword", "PGPASSWORD", "clientsecret".
constexpr std::array<std::string_view, 9> endings = {"password", "passwd",     "passphrase", "secret",   "token",
                                                     "apikey",   "privatekey", "secretkey",  "accesskey"};
// Words that together are one.
struct Pair {
  std::string_view first, second;
};
constexpr std::array<Pair, 61> pairs = {{{"key", "pem"},
                                         {"routing", "key"},
                                         {"pagerduty", "key"},
                                         {"app", "key"},
                                         {"instrumentation", "key"},
                                         {"ingest", "key"},
                                         {"ingestion", "key"},
                                         {"enrollment", "key"},
                                         {"registration", "key"},
                                         {"setup", "key"},
                                         {"md5", "key"},
                                         {"unseal", "key"},
                                         {"recovery", "key"},
                                         {"recovery", "code"},
                                         {"recovery", "codes"},
                                         {"backup", "codes"},
                                         {"join", "command"},
                                         {"gateway", "configuration"},
                                         {"kube", "config"},
                                         {"private", "key"},
                                         {"api", "key"},
                                         {"access", "key"},
                                         {"secret", "key"},
                                         {"auth", "key"},
                                         {"shared", "key"},
                                         {"signing", "key"},
                                         {"account", "key"},
                                         {"storage", "key"},
                                         {"master", "key"},
                                         {"primary", "key"},
                                         {"secondary", "key"},
                                         {"client", "key"},
                                         {"encryption", "key"},
                                         {"license", "key"},
                                         {"tls", "key"},
                                         {"ssl", "key"},
                                         {"certificate", "key"},
                                         {"deploy", "key"},
                                         {"integration", "key"},
                                         {"key", "material"},
                                         {"key", "data"},
                                         {"connection", "string"},
                                         {"connection", "strings"},
                                         {"user", "data"},
                                         {"custom", "data"},
                                         {"pass", "phrase"},
                                         {"startup", "script"},
                                         {"pass", "word"},
                                         {"auth", "string"},
                                         {"auth", "header"},
                                         {"auth", "code"},
                                         {"auth", "data"},
                                         {"auth", "value"},
                                         {"community", "string"},
                                         {"license", "string"},
                                         {"license", "code"},
                                         {"license", "content"},
                                         {"license", "data"},
                                         {"session", "key"},
                                         {"session", "data"},
                                         {"pin", "code"}}};
// A secret where the name ends with them ("redis_auth", "snmp_community", "license"), else about something else
// ("auth_type", "license_model", "session_affinity"), and so it is behind some words.
struct LastWord {
  std::string_view word;
  std::array<std::string_view, 6> not_behind;
};
constexpr std::array<LastWord, 20> last_words = {
    {{"pass", {}},
     {"jwt", {}},
     {"bearer", {}},
     {"dsn", {}},
     {"hmac", {}},
     {"pfx", {}},
     {"p12", {}},
     {"pkcs12", {}},
     {"keytab", {}},
     {"otp", {}},
     {"totp", {}},
     {"seed", {}},
     {"mnemonic", {}},
     {"creds", {}},
     {"authkey", {}},
     {"auth", {"o", "client", "mutual", "iam", "tls", "ssl"}},  // OAuth is two words; the others say which kind
     {"community", {"bgp", "extended", "large", "standard", "service"}},  // of routes
     {"license", {}},
     {"session", {"bgp", "sticky", "mirror"}},
     {"pin", {"cpu", "gpio", "version", "certificate", "cert", "spki"}}}};
// Of a secret these words at the end tell where it is, how old or how long: no secret themselves.
constexpr std::array<std::string_view, 45> about = {
    "id",       "ids",      "arn",     "arns",       "name",      "names",   "version", "versions", "ttl",
    "type",     "expiry",   "expires", "expiration", "days",      "hours",   "seconds", "length",   "policy",
    "enabled",  "required", "path",    "ref",        "reference", "count",   "age",     "rotation", "status",
    "endpoint", "url",      "uri",     "region",     "change",    "manager", "size",    "format",   "usage",
    "limit",    "mode",     "file",    "date",       "options",   "rules",   "minimum", "retries",  "port"};

bool is_pair(std::string_view first, std::string_view second) {
  return std::any_of(pairs.begin(), pairs.end(), [&](const Pair& pair) {
    // "access_keys" too
    const bool plural = second.size() == pair.second.size() + 1 && second.back() == 's' && pair.second == "key";
    return equals(plural ? second.substr(0, second.size() - 1) : second, pair.second) && equals(first, pair.first);
  });
}

bool ends_as_secret(std::string_view before, std::string_view last) {
  return std::any_of(last_words.begin(), last_words.end(), [&](const LastWord& known) {
    return equals(last, known.word) && (before.empty() || !is_one_of(before, known.not_behind));
  });
}

bool is_secret_word(std::string_view word) {
  while (!word.empty() && is_digit(word.back())) word.remove_suffix(1);  // "password2"
  const auto ends_like = [&](std::string_view ending) {
    return word.size() >= ending.size() && equals(word.substr(word.size() - ending.size()), ending);
  };
  return word.size() >= 3 && (is_one_of(word, secrets) || std::any_of(endings.begin(), endings.end(), ends_like));
}

}  // namespace

bool sounds_sensitive(std::string_view name) {
  bool secret = false;
  std::string_view before, last;
  while (true) {
    const std::string_view word = next_word(name);
    if (word.empty()) break;
    secret = secret || is_secret_word(word) || (!last.empty() && is_pair(last, word));
    // Whoever knows a webhook's address may call it.
    if (equals(last, "webhook") && equals(word, "url")) return true;
    before = std::exchange(last, word);
  }
  return (secret && !is_one_of(last, about)) || ends_as_secret(before, last);
}

}  // namespace plumbline::baseline
