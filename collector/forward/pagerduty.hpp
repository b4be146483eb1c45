#pragma once

#include <memory>
#include <string>

#include "collector/forward/http_poster.hpp"
#include "include/wire/finding.hpp"

namespace plumbline::collector {

struct PagerdutyOptions {
  PosterOptions http{"https://events.pagerduty.com/v2/enqueue", "", std::chrono::seconds(10), "", "", 65536};
  std::string routing_key_file;  ///< the integration's key, a secret
  wire::Severity min_severity = wire::Severity::high;
};

/// PagerDuty's Events API v2: `trigger` while a drift is open or an agent silent, `resolve` when it ended, the alert's
/// uid as `dedup_key`, so that repeats are one incident. What is below min_severity, gaps, and findings of no drift
/// page nobody. Errors: a bad URL, an unreadable key.
Result<std::unique_ptr<Sink>> make_pagerduty_sink(const PagerdutyOptions& options, std::shared_ptr<Watchdog> watchdog,
                                                  const Clock& clock);

}  // namespace plumbline::collector
