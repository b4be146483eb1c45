// collector.yaml as plain data (docs/reference/collector.md lists the keys).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collector/baselines/shelf.hpp"
#include "collector/forward/ndjson.hpp"
#include "collector/forward/slack.hpp"
#include "collector/forward/webhook.hpp"
#include "collector/ingest/prepare.hpp"
#include "include/util/result.hpp"

namespace plumbline::collector {

/// Exactly one of the three destinations is set.
struct SinkConfig {
  std::string name;
  bool include_matches = false;
  std::string start;  ///< "beginning" or "now"
  std::optional<WebhookOptions> webhook;
  std::optional<SlackOptions> slack;
  std::optional<NdjsonOptions> ndjson;

  const char* kind() const { return webhook ? "webhook" : slack ? "slack" : "ndjson"; }
};

struct CollectorConfig {
  std::string host = "127.0.0.1";
  std::uint16_t port = 9650;
  std::string sqlite_path = "/var/lib/plumbline-collector/plumbline.db";
  std::string token_file;  ///< "" = agents need no token
  std::chrono::milliseconds silence_after = std::chrono::seconds(60);
  std::uint64_t max_connections = 4096;
  IngestLimits limits;
  std::string log_level = "info";
  std::vector<SinkConfig> sinks;
  std::string baselines_dir;  ///< "" = `baselines` beside the store
  std::vector<ShelfSource> baselines;
};

/// Reads and checks the file; touches nothing else (secret files are read when the sinks are built). Errors name
/// file:line:column.
Result<CollectorConfig> load_collector_config(const std::string& path);
Result<CollectorConfig> parse_collector_config(const std::string& origin, const std::string& text);

/// JSON Schema of the file.
std::string collector_config_schema();

}  // namespace plumbline::collector
