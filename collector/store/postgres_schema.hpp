// The tables behind the PostgreSQL store, and how a database comes to have them.
#pragma once

#include <string>

#include "collector/store/postgres.hpp"

namespace plumbline::collector {

/// Brings the database to the present schema, step by step, while other collectors that start wait. One of a newer
/// Plumbline is refused as `unsupported`, one that is not in UTF-8 as `invalid_argument`.
Result<void> bring_up_to_date(PgConnection& connection);

/// Refuses a store into which a SQLite file was taken over in part.
Result<void> check_import(PgConnection& connection);

/// SQL that makes a part of the ledger (docs/decisions/0032-postgresql.md) and takes it in.
std::string sql_of_part(std::int64_t part);

/// The server's clock in nanoseconds since 1970, in SQL.
inline constexpr const char* server_now = "(extract(epoch FROM clock_timestamp()) * 1000000000)::bigint";

}  // namespace plumbline::collector
