#include "collector/store/sqlite.hpp"

#include <cerrno>
#include <cstring>

namespace plumbline::collector {

Error sqlite_error(sqlite3* db, const std::string& what) {
  const int code = db != nullptr ? sqlite3_extended_errcode(db) : SQLITE_NOMEM;
  const int system = db != nullptr ? sqlite3_system_errno(db) : 0;
  Error error{ErrorCode::io, what, db != nullptr ? sqlite3_errmsg(db) : "out of memory", ""};
  switch (code & 0xFF) {
    case SQLITE_FULL:
      error.code = ErrorCode::unavailable;
      error.fix = "free space on the file system of the store";
      break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      error.code = ErrorCode::unavailable;
      break;
    case SQLITE_INTERRUPT:
      error.code = ErrorCode::unavailable;
      error.why = "it took longer than a question may";
      error.fix = "ask for less: name a node or a whole address, or give a later time";
      break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      error.code = ErrorCode::corrupt;
      error.fix =
          "restore the store from a backup, or move the file away to begin a new one (agents resend what is "
          "unacknowledged)";
      break;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      error.code = ErrorCode::permission;
      break;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      if (system == ENOSPC || system == EDQUOT) {
        error.code = ErrorCode::unavailable;
        error.fix = "free space on the file system of the store";
      } else if (system == EACCES || system == EPERM || system == EROFS) {
        error.code = ErrorCode::permission;
      }
      break;
    default:
      break;
  }
  if (system != 0) error.why += std::string(" (") + errno_text(system) + ")";
  return error;
}

// Binding fails only for a bad index or a reset statement (our bug) or an over-long text; step() then fails with it.
Statement& Statement::bind(int index, std::string_view text) {
  sqlite3_bind_text64(statement_.get(), index, text.data() != nullptr ? text.data() : "", text.size(), SQLITE_STATIC,
                      SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind(int index, std::span<const std::byte> bytes) {
  sqlite3_bind_blob64(statement_.get(), index, bytes.data(), bytes.size(), SQLITE_STATIC);
  return *this;
}

Statement& Statement::bind(int index, std::int64_t number) {
  sqlite3_bind_int64(statement_.get(), index, number);
  return *this;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    sqlite3_reset(statement_.get());
    return false;
  }
  Error error = sqlite_error(sqlite3_db_handle(statement_.get()), "run a statement on the store");
  sqlite3_reset(statement_.get());
  return error;
}

Result<void> Statement::run() {
  const auto stepped = step();
  if (!stepped) return stepped.error();
  sqlite3_reset(statement_.get());
  return {};
}

std::string Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  return {text != nullptr ? text : "", static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

Result<Database> Database::open(const std::string& path, Mode mode) {
  Database database;
  database.path_ = path;
  const int flags = (mode == Mode::read_write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY) |
                    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
  database.db_.reset(db);
  if (code != SQLITE_OK) {
    Error error = sqlite_error(db, "open the store " + path);
    if (error.fix.empty()) error.fix = "check that its directory exists and is writable";
    return error;
  }
  sqlite3_busy_timeout(db, 2000);
  return database;
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement,
                         nullptr) != SQLITE_OK)
    return sqlite_error(db_.get(), "prepare a statement on the store " + path_);
  return Statement(statement);
}

Result<void> Database::execute(const std::string& sql) {
  if (sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    return sqlite_error(db_.get(), "change the store " + path_);
  return {};
}

Result<std::int64_t> Database::number(const std::string& sql) {
  auto statement = prepare(sql);
  if (!statement) return statement.error();
  const auto row = statement->step();
  if (!row) return row.error();
  return *row ? statement->number(0) : 0;
}

}  // namespace plumbline::collector
