#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>

#include "collector/forward/sink.hpp"
#include "collector/forward/watchdog.hpp"
#include "include/util/clock.hpp"

namespace plumbline::collector {

struct TeamsOptions {
  std::string url_file;  ///< holds the workflow's URL: whoever has it can post, so it is a secret
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;
  std::chrono::milliseconds timeout = std::chrono::seconds(10);
  std::chrono::milliseconds digest_interval = std::chrono::seconds(30);  ///< how long a record waits for company
  std::size_t digest_records = 500;                                      ///< … or until so many wait
};

/// Digests to a Microsoft Teams workflow ("When a Teams webhook request is received"), as Adaptive Cards.
Result<std::unique_ptr<Sink>> make_teams_sink(const TeamsOptions& options, std::shared_ptr<Watchdog> watchdog,
                                              const Clock& clock);

/// The message for these records, as JSON, below the 28 KB that Teams takes. Exposed for tests.
std::string teams_message(std::span<const LedgerRecord> records);

}  // namespace plumbline::collector
