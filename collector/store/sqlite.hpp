// SQLite's C interface as two owners that report errors as values. Nothing here knows the collector's tables.
#pragma once

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "include/util/result.hpp"

namespace plumbline::collector {

/// The failure that `db` reports now. Full disks and busy files are `unavailable`, damaged ones `corrupt`.
Error sqlite_error(sqlite3* db, const std::string& what);

/// A prepared statement. Not thread-safe; lives no longer than its Database. Bound texts must outlive the next step().
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  Statement& bind(int index, std::string_view text);
  Statement& bind(int index, std::span<const std::byte> bytes);
  Statement& bind(int index, std::int64_t number);
  Statement& bind(int index, std::uint64_t number) { return bind(index, static_cast<std::int64_t>(number)); }

  /// True: a row is there to read. False: done. The statement resets itself on done and on error.
  Result<bool> step();
  /// For statements that return no rows: step() once and reset.
  Result<void> run();
  void reset() { sqlite3_reset(statement_.get()); }

  std::string text(int column) const;
  std::int64_t number(int column) const { return sqlite3_column_int64(statement_.get(), column); }
  std::uint64_t count(int column) const { return static_cast<std::uint64_t>(number(column)); }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// One connection. Not thread-safe (opened without SQLite's own mutex).
class Database {
 public:
  enum class Mode { read_write, read_only };
  static Result<Database> open(const std::string& path, Mode mode);

  Result<Statement> prepare(std::string_view sql);
  Result<void> execute(const std::string& sql);
  Result<std::int64_t> number(const std::string& sql);  ///< first column of the first row; 0 where there is none
  std::int64_t last_row() const { return sqlite3_last_insert_rowid(db_.get()); }
  std::int64_t changes() const { return sqlite3_changes(db_.get()); }
  bool in_transaction() const { return sqlite3_get_autocommit(db_.get()) == 0; }
  const std::string& path() const { return path_; }
  sqlite3* handle() const { return db_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  std::unique_ptr<sqlite3, Close> db_;
  std::string path_;
};

}  // namespace plumbline::collector
