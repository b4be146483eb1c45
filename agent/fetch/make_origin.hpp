// From what the configuration says to the origin that fetches it.
#pragma once

#include "agent/config/agent_config.hpp"
#include "agent/fetch/origin.hpp"
#include "include/util/clock.hpp"

namespace plumbline::agent {

/// The origin of a baseline whose `path` is a location (baseline::is_location). Asks nobody; `clock` outlives it.
/// Errors (`invalid_argument`) name the baseline and what to write instead.
Result<std::unique_ptr<Origin>> make_origin(const BaselineConfig& config, const Clock& clock);

/// Whether all of them can be made.
Result<void> check_origins(const AgentConfig& config);

}  // namespace plumbline::agent
