#pragma once

#include <string>
#include <vector>

#include "agent/source/kernel.hpp"
#include "include/wire/finding.hpp"

namespace plumbline::agent {

/// What this tier on this node cannot see, each with its reason: never silent, never guessed.
std::vector<wire::BlindSpot> blind_spots_of(const Kernel& kernel);

/// Tiers with their hooks, what was missing and why one was refused, for GET /v1/status and `plumb doctor`.
std::string kernel_json(const Kernel& kernel);

}  // namespace plumbline::agent
