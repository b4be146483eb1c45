#include "collector/store/postgres_target.hpp"

#include <fcntl.h>
#include <libpq-fe.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>

#include "include/util/loopback.hpp"

namespace plumbline::collector {
namespace {

constexpr const char* what = "read store.postgres";
constexpr const char* system_roots = "/etc/ssl/certs/ca-certificates.crt";

/// What the URI says; keys that it does not name are absent.
Result<std::map<std::string, std::string>> parse(const std::string& uri) {
  if (!uri.starts_with("postgresql://") && !uri.starts_with("postgres://"))
    return invalid(what, "it is no URI of PostgreSQL", "write postgresql://USER@HOST/DATABASE");
  char* message = nullptr;
  struct Free {
    void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
  };
  const std::unique_ptr<PQconninfoOption, Free> options(PQconninfoParse(uri.c_str(), &message));
  if (!options) {
    // libpq's own message quotes the text, in which a password may stand.
    PQfreemem(message);
    return invalid(what, "libpq cannot read it", "write postgresql://USER@HOST/DATABASE?KEY=VALUE, with libpq's keys");
  }
  std::map<std::string, std::string> said;
  for (const auto* option = options.get(); option->keyword != nullptr; ++option)
    if (option->val != nullptr) said.emplace(option->keyword, option->val);
  return said;
}

bool is_on_this_machine(const std::map<std::string, std::string>& said) {
  const auto addresses = said.contains("hostaddr") ? said.find("hostaddr") : said.find("host");
  if (addresses == said.end()) return true;  // libpq's default socket
  std::istringstream all(addresses->second);
  for (std::string host; std::getline(all, host, ',');)
    if (!host.empty() && host.front() != '/' && host.front() != '@' && !is_loopback(host)) return false;
  return true;
}

Result<std::string> read_password(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!file) return io_error("read store.password_file " + path, errno, "name a file that holds the password alone");
  std::getline(file, line);
  if (line.empty())
    return invalid("read store.password_file " + path, "its first line is empty", "write the password into it");
  return line;
}

}  // namespace

Result<void> check_target(const PostgresTarget& target) {
  const auto said = parse(target.uri);
  if (!said) return said.error();
  for (const char* secret : {"password", "sslpassword"})
    if (said->contains(secret))
      return invalid(what, std::string("a ") + secret + " stands in it, where it would be copied and shown",
                     "put it into a file and name that in store.password_file, or use a passfile (PGPASSFILE)");
  return {};
}

std::string shown_target(const PostgresTarget& target) {
  const auto said = parse(target.uri);
  if (!said) return "postgresql";
  const auto of = [&](const char* key, const char* otherwise) {
    const auto at = said->find(key);
    return at == said->end() ? std::string(otherwise) : at->second;
  };
  return of("host", "localhost") + ":" + of("port", "5432") + "/" + of("dbname", of("user", "").c_str());
}

Result<std::vector<std::pair<std::string, std::string>>> connection_settings(const PostgresTarget& target) {
  if (const auto fine = check_target(target); !fine) return fine.error();
  const auto said = parse(target.uri).value();
  // Of a key that comes twice libpq takes the last: these are defaults, for the URI to say otherwise.
  std::vector<std::pair<std::string, std::string>> settings = {
      {"connect_timeout", "5"},
      {"tcp_user_timeout", "10000"},
      {"keepalives_idle", "5"},
      {"keepalives_interval", "2"},
      {"keepalives_count", "3"},
      {"application_name", "plumbline-collector"},
      {"target_session_attrs", "read-write"},
  };
  const auto mode = said.find("sslmode");
  if (mode == said.end() && !is_on_this_machine(said)) settings.emplace_back("sslmode", "verify-full");
  if (mode == said.end() || mode->second.starts_with("verify-")) settings.emplace_back("sslrootcert", system_roots);
  settings.emplace_back("dbname", target.uri);
  settings.emplace_back("client_encoding", "UTF8");
  if (target.password_file.empty()) return settings;
  auto password = read_password(target.password_file);
  if (!password) return password.error();
  settings.emplace_back("password", std::move(*password));
  return settings;
}

}  // namespace plumbline::collector
