// From what the configuration says to the origin that fetches it.
#pragma once

#include <span>

#include "fetch/origin.hpp"
#include "fetch/pod_register.hpp"
#include "fetch/source_config.hpp"
#include "include/util/clock.hpp"

namespace plumbline::fetch {

/// The origin of a baseline whose `path` is a location (baseline::is_location). Asks nobody; `clock` outlives it;
/// `stop` cuts its fetches short; `pods` learns what one of the pods of a node is told of them. Errors
/// (`invalid_argument`) name the baseline and what to write instead.
Result<std::unique_ptr<Origin>> make_origin(const SourceConfig& config, const Clock& clock, std::stop_token stop = {},
                                            std::shared_ptr<PodRegister> pods = {});

/// Whether those of all locations among them can be made.
Result<void> check_origins(std::span<const SourceConfig> sources);

}  // namespace plumbline::fetch
