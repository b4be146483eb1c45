#pragma once

#include <string>

#include "agent/rollback/healer.hpp"

namespace plumbline::agent {

/// Prometheus text.
std::string metrics_text(const Healer::Stats& stats);

}  // namespace plumbline::agent
