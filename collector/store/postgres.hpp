// libpq as owners that report errors as values. Nothing here knows the collector's tables. All values travel in
// PostgreSQL's binary formats, so that nothing is quoted and bytes stay what they are.
#pragma once

#include <libpq-fe.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collector/store/postgres_target.hpp"
#include "include/util/result.hpp"

namespace plumbline::collector {

/// As PostgreSQL's `text` takes it: bytes outside UTF-8, and NUL, which no database of it can hold, become U+FFFD.
std::string postgres_text(std::string_view bytes);

/// A row in the binary format that COPY reads, or the values of a statement; in order.
class PgBytes {
 public:
  void number(std::int64_t value);
  void text(std::string_view value);  ///< as postgres_text()
  void bytes(std::span<const std::byte> value);
  const std::string& str() const { return bytes_; }
  void begin_row(std::int16_t columns);
  void clear() { bytes_.clear(); }
  std::size_t size() const { return bytes_.size(); }

 private:
  std::string bytes_;
};

/// Values of a statement: $1, $2, …
class PgParams {
 public:
  PgParams& add(std::int64_t value);
  PgParams& add(std::uint64_t value) { return add(static_cast<std::int64_t>(value)); }
  PgParams& add(std::string_view text);
  PgParams& add(const std::string& text) { return add(std::string_view(text)); }
  PgParams& add(std::span<const std::byte> bytes);
  PgParams& add(const std::vector<std::int64_t>& array);
  PgParams& add(const std::vector<std::string>& array);

  std::size_t size() const { return values_.size(); }

 private:
  friend class PgConnection;
  PgParams& add_array(Oid array_type, Oid element_type, std::size_t count, const PgBytes& elements);
  std::vector<Oid> types_;
  std::vector<std::string> values_;
};

/// The rows of an answer; of columns that are bigint, text or bytea.
class PgRows {
 public:
  explicit PgRows(PGresult* result) : result_(result) {}
  int size() const { return PQntuples(result_.get()); }
  bool empty() const { return size() == 0; }
  bool is_null(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }
  std::string text(int row, int column) const;
  std::int64_t number(int row, int column) const;
  std::uint64_t count(int row, int column) const { return static_cast<std::uint64_t>(number(row, column)); }
  std::size_t changed() const;  ///< rows that an INSERT, UPDATE or DELETE touched

 private:
  struct Clear {
    void operator()(PGresult* r) const { PQclear(r); }
  };
  std::unique_ptr<PGresult, Clear> result_;
};

/// One connection. Not thread-safe. A connection that broke stays so: open another.
class PgConnection {
 public:
  /// Blocks for some seconds at most (the target's connect_timeout). `unavailable`, `permission`.
  static Result<PgConnection> open(const PostgresTarget& target);

  Result<PgRows> run(const std::string& sql, const PgParams& params = {});
  /// Several statements in one go, without values and rows.
  Result<void> script(const std::string& sql);
  /// COPY `into` FROM STDIN of rows that PgBytes made.
  Result<void> copy(const std::string& into, const PgBytes& rows);

  bool is_broken() const { return ended_ || PQstatus(connection_.get()) != CONNECTION_OK; }
  bool in_transaction() const { return PQtransactionStatus(connection_.get()) != PQTRANS_IDLE; }
  int socket() const { return PQsocket(connection_.get()); }
  /// What was notified since the last call, its payloads. Reads what has come, without waiting.
  Result<std::vector<std::string>> notices();

 private:
  explicit PgConnection(PGconn* connection) : connection_(connection) {}
  Error error(PGresult* result);

  struct Finish {
    void operator()(PGconn* c) const { PQfinish(c); }
  };
  std::unique_ptr<PGconn, Finish> connection_;
  bool ended_ = false;  ///< it broke, or the server said that it ends it
};

}  // namespace plumbline::collector
