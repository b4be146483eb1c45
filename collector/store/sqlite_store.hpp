#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "collector/store/store.hpp"

namespace plumbline::collector {

struct SqliteOptions {
  std::string path;
  /// Bodies that may wait for the writer; past it submit() turns batches away and the agents keep them.
  std::size_t max_queued_bytes = std::size_t{16} << 20;
  /// Bodies committed as one group: more are fewer fsyncs, fewer are shorter waits.
  std::size_t max_group_bytes = std::size_t{2} << 20;
  /// How long a read for people may take (store.hpp).
  std::chrono::milliseconds query_limit = std::chrono::seconds(5);
};

/// Opens or makes the file and its lock (`<path>.lock`: one collector a file). Errors say what to do.
Result<std::unique_ptr<Store>> open_sqlite_store(const SqliteOptions& options);

}  // namespace plumbline::collector
