// The tables behind the SQLite store, and how a file comes to have them.
#pragma once

#include "collector/store/sqlite.hpp"

namespace plumbline::collector {

/// Opens the file for writing (WAL, fsync on each commit) and brings it to the present schema, step by step from its
/// `user_version`. A file of a newer Plumbline is refused as `unsupported`, one that is no database as `corrupt`.
Result<Database> open_for_writing(const std::string& path);

/// A connection that only reads, beside the writer. The file must exist.
Result<Database> open_for_reading(const std::string& path);

}  // namespace plumbline::collector
