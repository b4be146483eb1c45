// A PostgreSQL server of the test's own: a real one, in a temporary directory, on a socket there and nowhere else.
#pragma once

#include <libpq-fe.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace plumbline::collector::test {

class PostgresServer {
 public:
  /// Makes a cluster and starts it, as an unprivileged user where the test is root (PostgreSQL refuses root). nullptr:
  /// `why_not` says what is missing.
  static std::unique_ptr<PostgresServer> make(std::string& why_not);
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  /// A database's part of its own: tables of one `schema` do not see those of another.
  std::string uri(const std::string& schema) const;
  void run_sql(const std::string& sql) const;
  std::string ask(const std::string& sql) const;  ///< first column of the first row, as text

  /// A connection that stays, to hold locks by.
  class Session {
   public:
    explicit Session(const PostgresServer& server);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    std::string run(const std::string& sql);  ///< first column of the first row; throws where it fails

   private:
    PGconn* connection_;
  };

  void start();
  /// Starts it anew, on this port by TCP on loopback too, with more options of its command line.
  void restart_on(std::uint16_t port, const std::vector<std::string>& options);
  /// SIGQUIT: as after a crash, connections end at once and nothing is tidied up.
  void crash();
  const std::string& directory() const { return directory_; }
  std::uint16_t port() const { return port_; }

 private:
  PostgresServer() = default;
  std::string binaries_;
  std::string directory_;
  std::uint16_t port_ = 5432;  ///< also part of the socket's name
  std::vector<std::string> options_ = {"-c", "listen_addresses="};
  pid_t pid_ = -1;
};

}  // namespace plumbline::collector::test
