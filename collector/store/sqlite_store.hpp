#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "collector/store/queued_store.hpp"

namespace plumbline::collector {

struct SqliteOptions {
  std::string path;
  QueueLimits queue = {};
  /// How long a read for people may take (store.hpp).
  std::chrono::milliseconds query_limit = std::chrono::seconds(5);
};

/// Opens or makes the file and its lock (`<path>.lock`: one collector a file). Errors say what to do.
Result<std::unique_ptr<Store>> open_sqlite_store(const SqliteOptions& options);

}  // namespace plumbline::collector
