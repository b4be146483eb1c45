#include "tests/unit/collector/postgres_server.hpp"

#include <fcntl.h>
#include <libpq-fe.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <stdexcept>
#include <vector>

#include "tests/unit/collector/receiver.hpp"

namespace plumbline::collector::test {
namespace {

namespace fs = std::filesystem;

constexpr uid_t nobody = 65534;

std::string find_binaries() {
  std::string newest;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", ignored))
    if (fs::exists(entry.path() / "bin/initdb")) newest = std::max(newest, (entry.path() / "bin").string());
  return newest;
}

/// Ends with the test, however that ends.
pid_t start_program(const std::vector<std::string>& arguments, const std::string& log) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(fd, 1);
  ::dup2(fd, 2);
  if (::geteuid() == 0 && (::setgid(nobody) != 0 || ::setuid(nobody) != 0)) ::_exit(126);
  ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
  std::vector<char*> argv;
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

}  // namespace

std::unique_ptr<PostgresServer> PostgresServer::make(std::string& why_not) {
  std::unique_ptr<PostgresServer> server(new PostgresServer);
  server->binaries_ = find_binaries();
  if (server->binaries_.empty()) {
    why_not = "no PostgreSQL server is installed (postgresql-15)";
    return nullptr;
  }
  std::string path = (fs::temp_directory_path() / "plumbline-pg-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp failed for " + path);
  server->directory_ = path;
  if (::geteuid() == 0 && ::chown(path.c_str(), nobody, nobody) != 0) throw std::runtime_error("chown " + path);
  const pid_t pid = start_program({server->binaries_ + "/initdb", "-D", path + "/data", "-U", "plumbline", "-A",
                                   "trust", "-E", "UTF8", "--locale=C", "--no-sync"},
                                  path + "/log");
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (status != 0) {
    why_not = "initdb failed, see " + path + "/log";
    return nullptr;
  }
  server->start();
  return server;
}

void PostgresServer::start() {
  // Tests kill processes, never the machine: what the kernel holds survives, so that a flush proves nothing more.
  std::vector<std::string> command = {
      binaries_ + "/postgres", "-D", directory_ + "/data",           "-k", directory_, "-c", "fsync=off", "-c",
      "max_connections=60",    "-c", "port=" + std::to_string(port_)};
  command.insert(command.end(), options_.begin(), options_.end());
  pid_ = start_program(command, directory_ + "/log");
  const std::string target =
      "host=" + directory_ + " port=" + std::to_string(port_) + " user=plumbline dbname=postgres";
  const bool up = eventually([&] {
    PGconn* connection = PQconnectdb(target.c_str());
    const bool ok = PQstatus(connection) == CONNECTION_OK;
    PQfinish(connection);
    return ok;
  });
  if (!up) throw std::runtime_error("the server did not start, see " + directory_ + "/log");
}

void PostgresServer::restart_on(std::uint16_t port, const std::vector<std::string>& options) {
  if (pid_ > 0) crash();
  port_ = port;
  options_ = {"-c", "listen_addresses=localhost"};
  options_.insert(options_.end(), options.begin(), options.end());
  start();
}

void PostgresServer::crash() {
  ::kill(pid_, SIGQUIT);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

PostgresServer::~PostgresServer() {
  if (pid_ > 0) crash();
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

std::string PostgresServer::uri(const std::string& schema) const {
  return "postgresql://plumbline@/postgres?host=" + directory_ + "&options=-csearch_path%3D%22" + schema + "%22";
}

PostgresServer::Session::Session(const PostgresServer& server)
    : connection_(PQconnectdb(("host=" + server.directory_ + " port=" + std::to_string(server.port_) +
                               " user=plumbline dbname=postgres options='-c client_min_messages=warning'")
                                  .c_str())) {}

PostgresServer::Session::~Session() {
  PQfinish(connection_);
}

std::string PostgresServer::Session::run(const std::string& sql) {
  PGresult* result = PQexec(connection_, sql.c_str());
  const auto status = PQresultStatus(result);
  const std::string value = PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "";
  PQclear(result);
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
    throw std::runtime_error(sql + ": " + PQerrorMessage(connection_));
  return value;
}

std::string PostgresServer::ask(const std::string& sql) const {
  return Session(*this).run(sql);
}

void PostgresServer::run_sql(const std::string& sql) const {
  (void)ask(sql);
}

}  // namespace plumbline::collector::test
