// collector.yaml as plain data (docs/reference/config-collector.md lists the keys).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "access/gate.hpp"
#include "collector/baselines/shelf.hpp"
#include "collector/config/sink_config.hpp"
#include "collector/ingest/prepare.hpp"
#include "collector/store/postgres_target.hpp"
#include "include/util/result.hpp"

namespace plumbline::collector {

struct CollectorConfig {
  std::string host = "127.0.0.1";
  std::uint16_t port = 9650;
  std::string sqlite_path = "/var/lib/plumbline-collector/plumbline.db";
  std::optional<PostgresTarget> postgres;  ///< instead of the SQLite file
  std::chrono::milliseconds retention{0};  ///< 0 = rows of the ledger are kept for ever
  std::optional<http::TlsFiles> tls;
  std::optional<access::OwnCertificateConfig> own_certificate;  ///< with `tls`, whose files it makes
  access::AgentsConfig agents;
  std::vector<access::RuleConfig> access;
  std::chrono::milliseconds silence_after = std::chrono::seconds(60);
  std::uint64_t max_connections = 4096;
  IngestLimits limits;
  std::string log_level = "info";
  std::vector<SinkConfig> sinks;
  std::string keys_dir;       ///< of keys that collectors of one store share; "" = each has its own beside its store
  std::string baselines_dir;  ///< "" = `baselines` beside the store
  std::vector<ShelfSource> baselines;
};

/// Reads and checks the file; touches nothing else (secret files are read when the sinks are built). Errors name
/// file:line:column.
Result<CollectorConfig> load_collector_config(const std::string& path);
Result<CollectorConfig> parse_collector_config(const std::string& origin, const std::string& text);

/// What the server's gate is to ask: on loopback without `tls` only what is configured, elsewhere everybody.
access::Policy policy_of(const CollectorConfig& config);

/// JSON Schema of the file.
std::string collector_config_schema();

}  // namespace plumbline::collector
