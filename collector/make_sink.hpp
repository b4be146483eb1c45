#pragma once

#include <memory>

#include "collector/config/sink_config.hpp"
#include "collector/forward/sink.hpp"
#include "collector/forward/watchdog.hpp"
#include "include/util/clock.hpp"

namespace plumbline::collector {

/// The sink that an entry of the configuration asks for. `store`: what is open now, for sinks that tell of it again and
/// again; it may be nullptr where the sink is only to be checked. Errors name the sink.
Result<std::unique_ptr<Sink>> make_sink(const SinkConfig& config, const Store* store,
                                        const std::shared_ptr<Watchdog>& watchdog, const Clock& clock);

}  // namespace plumbline::collector
