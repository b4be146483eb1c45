// Runs that are under way, kept for the agent that comes after this one.
#pragma once

#include <string>

#include "agent/correlate/runs.hpp"
#include "include/util/result.hpp"

namespace plumbline::agent {

/// Beside, synced, renamed; 0600. `boot_id`: of this life of the machine, in which pids and start times mean something.
Result<void> write_runs(const std::string& path, const std::string& boot_id, const Runs::Kept& runs);

/// Nothing of another life of the machine. `not_found`: there is no file; `corrupt`: it is not one of ours.
Result<Runs::Kept> read_runs(const std::string& path, const std::string& boot_id);

}  // namespace plumbline::agent
