// The same rows as plainly as their database takes them, with the same durability: what the collector's stores are
// measured beside.
#pragma once

#include <string>
#include <vector>

#include "bench/findings.hpp"

namespace plumbline::bench {

/// Rows a second: ids and bodies, a payload a transaction, WAL, fsync on each commit. `directory` is empty.
double raw_sqlite(const std::string& directory, const std::vector<Payload>& payloads);

/// The same by COPY over one connection; the database becomes empty before and after. Ends the program on an error.
double raw_postgres(const std::string& uri, const std::vector<Payload>& payloads);

/// Leaves nothing in the database.
void empty_postgres(const std::string& uri);

/// The pid of the server's first process; it runs on this machine.
int postgres_pid(const std::string& uri);

/// Time on any core of a process, its children, and those of them that have ended.
double family_cpu_seconds(int pid);

}  // namespace plumbline::bench
