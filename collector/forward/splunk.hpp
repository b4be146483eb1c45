#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "collector/forward/format.hpp"
#include "collector/forward/http_poster.hpp"

namespace plumbline::collector {

struct SplunkOptions {
  PosterOptions http;      ///< the URL is the collector's: https://splunk:8088
  std::string token_file;  ///< HEC token
  std::string index;       ///< "" = the token's own
  std::string source = "plumbline";
  std::string sourcetype;   ///< "" = plumbline:<format>
  bool acknowledge = true;  ///< wait until the indexer says that it has it; false = a 200 is enough, which is weaker
  std::chrono::milliseconds ack_timeout = std::chrono::minutes(5);
  std::chrono::milliseconds ack_interval = std::chrono::seconds(1);  ///< between two questions
  Format format = Format::ocsf;
};

/// Splunk's HTTP Event Collector with indexer acknowledgement: records count as delivered once the indexer has them.
/// What is not acknowledged in time is sent again, on another channel. Errors: a bad URL, an unreadable token.
Result<std::unique_ptr<Sink>> make_splunk_sink(const SplunkOptions& options, std::shared_ptr<Watchdog> watchdog,
                                               const Clock& clock);

}  // namespace plumbline::collector
