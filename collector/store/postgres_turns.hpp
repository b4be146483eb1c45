// What collectors on one PostgreSQL tell each other: whose turn it is to deliver for a sink, and what is new.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "collector/store/postgres.hpp"
#include "collector/store/store.hpp"
#include "include/util/fd.hpp"

namespace plumbline::collector {

/// A thread with a connection of its own: it hears of commits (LISTEN) and renews the turns of this collector, whatever
/// the sinks' own threads wait for. Thread-safe.
class PostgresTurns {
 public:
  struct Heard {
    std::function<void(std::uint64_t last_seq)> rows;
    std::function<void()> replay;
  };
  /// `me`: this collector, another one each time that it starts.
  PostgresTurns(PostgresTarget target, std::string me, Heard heard);
  ~PostgresTurns() { stop(); }
  PostgresTurns(const PostgresTurns&) = delete;
  PostgresTurns& operator=(const PostgresTurns&) = delete;

  /// Connects and listens; from then on it mends its connection by itself.
  Result<void> start();
  void stop();

  /// On a connection of the caller's.
  Result<SinkTurn> take(PgConnection& connection, const std::string& sink);
  bool has(const std::string& sink) const;
  /// The term in which it was taken, also where its time is over: the server says whether somebody else has it since.
  /// nullopt: it was not, or somebody has.
  std::optional<std::int64_t> term(const std::string& sink) const;
  /// Gives all back.
  Result<void> leave_all(PgConnection& connection);

  const std::string& me() const { return me_; }
  std::uint64_t lost_connections() const { return lost_; }

  /// SQL that tells the others, run before a commit.
  std::string sql_to_tell_of_rows(std::uint64_t seq) const;
  std::string sql_to_tell_of_replay() const;

 private:
  using Steady = std::chrono::steady_clock;
  struct Turn {
    std::int64_t term = 0;
    Steady::time_point until;
  };

  void run();
  Result<void> connect();
  Result<void> look();
  Result<void> renew();
  void wait(int socket, std::chrono::milliseconds time);
  std::string sql_to_tell(const std::string& what) const;

  const PostgresTarget target_;
  const std::string me_;
  const Heard heard_;
  std::optional<PgConnection> connection_;  // the thread's, once start() returned
  Fd stop_;                                 // an eventfd
  std::atomic<bool> stopping_ = false;
  std::atomic<std::uint64_t> lost_ = 0;
  mutable std::mutex mutex_;
  std::map<std::string, Turn> turns_;
  std::thread thread_;
};

}  // namespace plumbline::collector
