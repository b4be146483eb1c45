#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "collector/forward/http_auth.hpp"
#include "collector/forward/http_poster.hpp"

namespace plumbline::collector {

struct AlertmanagerOptions {
  PosterOptions http;  ///< the URL is Alertmanager's: http://alertmanager:9093
  HttpAuth auth;
  std::chrono::milliseconds resend = std::chrono::seconds(60);  ///< how often what is open is told again
};

/// Alertmanager's `/api/v2/alerts`. What is open in `store` (drift, silent agents) is posted every `resend`, to end
/// four times that later, as Prometheus does: an Alertmanager that lost its state has it again, and alerts of a
/// collector that is gone end by themselves. Resolved and accepted drift is posted with its end. `store` outlives the
/// sink; nullptr: a sink that is only checked. Errors: a bad URL, an unreadable secret.
Result<std::unique_ptr<Sink>> make_alertmanager_sink(const AlertmanagerOptions& options, const Store* store,
                                                     std::shared_ptr<Watchdog> watchdog, const Clock& clock);

/// One alert; "" for what is none (a finding of no drift). `until`: where it ends unless it is told again. Exposed for
/// tests.
std::string prometheus_alert(const LedgerRecord& record, WallNs until);

}  // namespace plumbline::collector
