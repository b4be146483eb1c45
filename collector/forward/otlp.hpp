#pragma once

#include <memory>
#include <span>
#include <string>

#include "collector/forward/format.hpp"
#include "collector/forward/http_auth.hpp"
#include "collector/forward/http_poster.hpp"

namespace plumbline::collector {

struct OtlpOptions {
  PosterOptions http;  ///< the URL is the whole endpoint: https://otel:4318/v1/logs
  HttpAuth auth;
  Format format = Format::ocsf;  ///< of a log record's body
};

/// OTLP/HTTP logs in JSON (OTLP 1.x, docs/specification.md): 429, 502, 503 and 504 are tried again, other errors must
/// not be and become dead letters; so do records of a batch of which some were rejected (`partialSuccess` does not say
/// which). Errors: a bad URL, an unreadable secret.
Result<std::unique_ptr<Sink>> make_otlp_sink(const OtlpOptions& options, std::shared_ptr<Watchdog> watchdog,
                                             const Clock& clock);

/// ExportLogsServiceRequest; exposed for tests.
std::string otlp_request(std::span<const LedgerRecord> records, Format format);

}  // namespace plumbline::collector
