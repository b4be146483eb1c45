#pragma once

#include <memory>

#include "collector/store/store.hpp"
#include "http/message.hpp"

namespace plumbline::collector {

/// GET /v1/stream: the ledger as server-sent events, from behind Last-Event-ID or ?last_event_id= ("<ledger_seq>" or
/// "<ledger_seq>.<part>"), else from now. An id beyond the ledger's end is told as a `gap` event, and all there is
/// follows. The ledger is read for each client at its own pace, so a slow one costs nothing and misses nothing. 400 for
/// an id that is none.
std::variant<http::Response, http::StreamResponse> open_stream(Store& store, const http::Request& request);

}  // namespace plumbline::collector
