// From what the configuration says to the origin that fetches it.
#pragma once

#include <span>

#include "fetch/origin.hpp"
#include "fetch/source_config.hpp"
#include "include/util/clock.hpp"

namespace plumbline::fetch {

/// The origin of a baseline whose `path` is a location (baseline::is_location). Asks nobody; `clock` outlives it;
/// `stop` cuts its fetches short. Errors (`invalid_argument`) name the baseline and what to write instead.
Result<std::unique_ptr<Origin>> make_origin(const SourceConfig& config, const Clock& clock, std::stop_token stop = {});

/// Whether those of all locations among them can be made.
Result<void> check_origins(std::span<const SourceConfig> sources);

}  // namespace plumbline::fetch
