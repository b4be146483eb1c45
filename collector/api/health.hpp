// Is the collector well? For people (status), for Kubernetes (livez, readyz, startupz) and for Prometheus (metrics).
#pragma once

#include "collector/api/api.hpp"

namespace plumbline::collector {

http::Response show_status(const ApiParts& parts, const http::Request& request);
http::Response show_metrics(const ApiParts& parts, const http::Request& request);

/// The store's writer turns: no commit has been under way for a minute.
bool is_live(const StoreStats& stats);
http::Response show_live(const ApiParts& parts, const http::Request& request);
/// Live, the store takes writes, and the collector is not on its way out. Sinks do not count: their failure is theirs.
http::Response show_ready(const ApiParts& parts, const http::Request& request);
/// Answering at all means started: the API opens last.
http::Response show_started(const ApiParts& parts, const http::Request& request);

}  // namespace plumbline::collector
