#include "bench/raw_stores.hpp"

#include <sqlite3.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "collector/store/postgres.hpp"

namespace plumbline::bench {
namespace {

using Steady = std::chrono::steady_clock;
using collector::PgBytes;
using collector::PgConnection;

double seconds_since(Steady::time_point begin) {
  return std::chrono::duration<double>(Steady::now() - begin).count();
}

template <class T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "%s\n", result.error().message().c_str());
  std::exit(1);
}
void must(Result<void> result) {
  if (result) return;
  std::fprintf(stderr, "%s\n", result.error().message().c_str());
  std::exit(1);
}

PgConnection connect(const std::string& uri) {
  return must(PgConnection::open({uri, ""}));
}

struct Stat {
  int parent = 0;
  double seconds = 0;
};

/// Of /proc/PID/stat, behind the name, which may hold spaces.
Stat stat_of(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string text;
  std::getline(file, text);
  if (const auto name = text.rfind(')'); name != std::string::npos) text = text.substr(name + 2);
  std::istringstream fields(text);
  std::string skipped;
  Stat stat;
  fields >> skipped >> stat.parent;
  for (int field = 5; field < 14; ++field) fields >> skipped;
  double all = 0;
  for (int i = 0; i < 4; ++i) {  // utime, stime, and those of children that have ended
    double ticks = 0;
    fields >> ticks;
    all += ticks;
  }
  stat.seconds = all / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return stat;
}

}  // namespace

double raw_sqlite(const std::string& directory, const std::vector<Payload>& payloads) {
  const std::string path = directory + "/raw.db";
  sqlite3* db = nullptr;
  sqlite3_open(path.c_str(), &db);
  sqlite3_exec(db,
               "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
               "CREATE TABLE t (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL)",
               nullptr, nullptr, nullptr);
  sqlite3_stmt* insert = nullptr;
  sqlite3_prepare_v2(db, "INSERT INTO t (id, body) VALUES (?1, ?2)", -1, &insert, nullptr);
  std::size_t rows = 0;
  const auto begin = Steady::now();
  for (const auto& payload : payloads) {
    sqlite3_exec(db, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr);
    for (const auto& [id, body] : payload.rows) {
      sqlite3_bind_text(insert, 1, id.data(), static_cast<int>(id.size()), SQLITE_STATIC);
      sqlite3_bind_text(insert, 2, body.data(), static_cast<int>(body.size()), SQLITE_STATIC);
      sqlite3_step(insert);
      sqlite3_reset(insert);
      ++rows;
    }
    sqlite3_exec(db, "COMMIT", nullptr, nullptr, nullptr);
  }
  const double rate = static_cast<double>(rows) / seconds_since(begin);
  sqlite3_finalize(insert);
  sqlite3_close(db);
  return rate;
}

double raw_postgres(const std::string& uri, const std::vector<Payload>& payloads) {
  empty_postgres(uri);
  PgConnection connection = connect(uri);
  must(connection.script(
      "CREATE TABLE raw (seq bigint PRIMARY KEY, id text COLLATE \"C\" NOT NULL UNIQUE, body text NOT NULL)"));
  std::int64_t seq = 0;
  const auto begin = Steady::now();
  for (const auto& payload : payloads) {
    PgBytes rows;
    for (const auto& [id, body] : payload.rows) {
      rows.begin_row(3);
      rows.number(++seq);
      rows.text(id);
      rows.text(body);
    }
    must(connection.copy("raw", rows));
  }
  const double rate = static_cast<double>(seq) / seconds_since(begin);
  empty_postgres(uri);
  return rate;
}

void empty_postgres(const std::string& uri) {
  must(connect(uri).script("DROP SCHEMA public CASCADE; CREATE SCHEMA public; CHECKPOINT"));
}

int postgres_pid(const std::string& uri) {
  PgConnection connection = connect(uri);
  return stat_of(must(connection.run("SELECT pg_backend_pid()::text")).text(0, 0)).parent;
}

double family_cpu_seconds(int pid) {
  double all = stat_of(std::to_string(pid)).seconds;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (const Stat stat = stat_of(name); stat.parent == pid) all += stat.seconds;
  }
  return all;
}

}  // namespace plumbline::bench
