// Where a PostgreSQL server is, and how it is reached. No secret is in here: passwords stand in files.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "include/util/result.hpp"

namespace plumbline::collector {

struct PostgresTarget {
  std::string uri;            ///< as libpq reads it, without a password
  std::string password_file;  ///< read for each connection; "" = libpq's own ways (PGPASSFILE, ~/.pgpass, peer)
};

/// Refuses what libpq cannot read, and a password in the URI.
Result<void> check_target(const PostgresTarget& target);

/// "HOST:PORT/DATABASE", for messages.
std::string shown_target(const PostgresTarget& target);

/// Keys and values for PQconnectdbParams(…, expand_dbname): bounds of time, TLS with a verified name unless the server
/// is on this machine or the URI says otherwise, the server that takes writes, and the password.
Result<std::vector<std::pair<std::string, std::string>>> connection_settings(const PostgresTarget& target);

}  // namespace plumbline::collector
