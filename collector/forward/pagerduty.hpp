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
  bool by_fleet = true;  ///< the same change on many nodes is one incident; false: each node has its own
  std::chrono::milliseconds group_wait =
      std::chrono::seconds(10);  ///< how long a record waits for those of other nodes
};

/// PagerDuty's Events API v2: `trigger` while a drift is open or an agent silent, `resolve` when it ended. What is
/// below min_severity, gaps, and findings of no drift page nobody. `store`: asked which nodes have a drift open now;
/// nullptr where the sink is only to be checked. Errors: a bad URL, an unreadable key.
Result<std::unique_ptr<Sink>> make_pagerduty_sink(const PagerdutyOptions& options, const Store* store,
                                                  std::shared_ptr<Watchdog> watchdog, const Clock& clock);

}  // namespace plumbline::collector
