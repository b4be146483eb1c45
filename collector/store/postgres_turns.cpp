#include "collector/store/postgres_turns.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <vector>

#include "collector/store/postgres_schema.hpp"

namespace plumbline::collector {
namespace {

using std::chrono::milliseconds;

// A collector that is gone is known to be after this long; one that cannot reach the server stops a second before.
constexpr milliseconds turn_lasts{6000};
constexpr milliseconds safety{1000};
constexpr milliseconds between_renewals{1000};

// One channel for each schema: two stores in one database do not wake each other.
constexpr const char* channel = "current_schema()::text";

}  // namespace

PostgresTurns::PostgresTurns(PostgresTarget target, std::string me, Heard heard)
    : target_(std::move(target)), me_(std::move(me)), heard_(std::move(heard)) {}

Result<void> PostgresTurns::start() {
  stop_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop_) return io_error("make an eventfd", errno);
  if (auto connected = connect(); !connected) return connected;
  thread_ = std::thread([this] { run(); });
  return {};
}

void PostgresTurns::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  const std::uint64_t one = 1;
  (void)!::write(stop_.get(), &one, sizeof one);
  thread_.join();
}

Result<void> PostgresTurns::connect() {
  auto opened = PgConnection::open(target_);
  if (!opened) return opened.error();
  connection_ = std::move(*opened);
  const auto name = connection_->run("SELECT quote_ident('plumbline ' || " + std::string(channel) + ")");
  if (!name) return name.error();
  return connection_->script("LISTEN " + name->text(0, 0) + "; SET statement_timeout = '5s'");
}

void PostgresTurns::run() {
  while (!stopping_) {
    if (!connection_) {
      if (!connect()) {
        connection_.reset();
        wait(-1, between_renewals);
        continue;
      }
      // What was told meanwhile was told to nobody.
      const auto end = connection_->run("SELECT seq FROM ledger_end");
      if (end) heard_.rows(end->count(0, 0));
      heard_.replay();
    }
    const auto renewed = renew();
    const auto looked = renewed ? look() : renewed;
    if (looked) continue;
    if (stopping_) return;
    ++lost_;
    connection_.reset();
  }
}

/// Hears what is told until it is time to renew.
Result<void> PostgresTurns::look() {
  const auto until = Steady::now() + between_renewals;
  while (!stopping_) {
    const auto left = std::chrono::duration_cast<milliseconds>(until - Steady::now());
    if (left.count() <= 0) return {};
    wait(connection_->socket(), left);
    const auto payloads = connection_->notices();
    if (!payloads) return payloads.error();
    std::uint64_t last = 0;
    for (const std::string& payload : *payloads) {
      const auto space = payload.find(' ');
      if (space == std::string::npos || payload.substr(space + 1) == me_) continue;
      std::uint64_t seq = 0;
      std::from_chars(payload.data(), payload.data() + space, seq);
      if (seq == 0)
        heard_.replay();
      else
        last = std::max(last, seq);
    }
    if (last != 0) heard_.rows(last);
  }
  return {};
}

Result<void> PostgresTurns::renew() {
  std::vector<std::string> names;
  std::vector<std::int64_t> terms;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, turn] : turns_) {
      names.push_back(name);
      terms.push_back(turn.term);
    }
  }
  if (names.empty()) return {};
  const auto asked_at = Steady::now();
  const auto kept = connection_->run(
      "UPDATE sinks SET expires_at = " + std::string(server_now) +
          " + $4 FROM (SELECT name, term FROM sinks JOIN"
          " unnest($1::text[], $2::bigint[]) AS ours (name, term) USING (name, term) WHERE owner = $3 ORDER BY name"
          " FOR UPDATE OF sinks) AS held WHERE sinks.name = held.name RETURNING sinks.name, sinks.term",
      PgParams().add(names).add(terms).add(me_).add(std::chrono::nanoseconds(turn_lasts).count()));
  if (!kept) return kept.error();
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::int64_t> held;
  for (int row = 0; row < kept->size(); ++row) held.emplace(kept->text(row, 0), kept->number(row, 1));
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto turn = turns_.find(names[i]);
    if (turn == turns_.end() || turn->second.term != terms[i]) continue;  // taken anew meanwhile
    if (const auto at = held.find(names[i]); at != held.end() && at->second == terms[i])
      turn->second.until = asked_at + turn_lasts - safety;
    else
      turns_.erase(turn);
  }
  return {};
}

void PostgresTurns::wait(int socket, milliseconds time) {
  std::array<pollfd, 2> fds = {{{stop_.get(), POLLIN, 0}, {socket, POLLIN, 0}}};
  ::poll(fds.data(), fds.size(), static_cast<int>(time.count()));
}

Result<SinkTurn> PostgresTurns::take(PgConnection& connection, const std::string& sink) {
  SinkTurn turn;
  // Whoever waits asks each second: then this is all, and nothing is written.
  const auto theirs = connection.run(
      "SELECT cursor FROM sinks WHERE name = $1 AND owner <> $2 AND expires_at >= " + std::string(server_now),
      PgParams().add(sink).add(me_));
  if (!theirs) return theirs.error();
  if (!theirs->empty()) {
    if (!theirs->is_null(0, 0)) turn.cursor = theirs->count(0, 0);
    const std::lock_guard lock(mutex_);
    turns_.erase(sink);
    return turn;
  }
  const auto asked_at = Steady::now();
  const auto taken = connection.run(
      "INSERT INTO sinks AS s (name, owner, term, expires_at) VALUES ($1, $2, 1, " + std::string(server_now) +
          " + $3)"
          " ON CONFLICT (name) DO UPDATE SET owner = $2, term = s.term + (s.owner <> $2)::int,"
          " expires_at = excluded.expires_at WHERE s.owner = $2 OR s.expires_at < " +
          server_now + " RETURNING term, cursor",
      PgParams().add(sink).add(me_).add(std::chrono::nanoseconds(turn_lasts).count()));
  if (!taken) return taken.error();
  const std::lock_guard lock(mutex_);
  if (taken->empty()) {  // another was faster
    turns_.erase(sink);
    return turn;
  }
  turn.ours = true;
  if (!taken->is_null(0, 1)) turn.cursor = taken->count(0, 1);
  turns_[sink] = {taken->number(0, 0), asked_at + turn_lasts - safety};
  return turn;
}

bool PostgresTurns::has(const std::string& sink) const {
  const std::lock_guard lock(mutex_);
  const auto turn = turns_.find(sink);
  return turn != turns_.end() && Steady::now() < turn->second.until;
}

std::optional<std::int64_t> PostgresTurns::term(const std::string& sink) const {
  const std::lock_guard lock(mutex_);
  const auto turn = turns_.find(sink);
  if (turn == turns_.end()) return std::nullopt;
  return turn->second.term;
}

Result<void> PostgresTurns::leave_all(PgConnection& connection) {
  {
    const std::lock_guard lock(mutex_);
    if (turns_.empty()) return {};
    turns_.clear();
  }
  const auto left = connection.run("UPDATE sinks SET expires_at = 0, owner = '' WHERE owner = $1", PgParams().add(me_));
  if (!left) return left.error();
  return {};
}

// `me` is made of letters and digits.
std::string PostgresTurns::sql_to_tell(const std::string& what) const {
  return "SELECT pg_notify('plumbline ' || " + std::string(channel) + ", '" + what + " " + me_ + "');";
}

std::string PostgresTurns::sql_to_tell_of_rows(std::uint64_t seq) const {
  return sql_to_tell(std::to_string(seq));
}

std::string PostgresTurns::sql_to_tell_of_replay() const {
  return sql_to_tell("replay");
}

}  // namespace plumbline::collector
