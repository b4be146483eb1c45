#pragma once

#include <string>
#include <vector>

#include "agent/config/agent_config.hpp"
#include "include/util/result.hpp"

namespace plumbline::agent {

/// For --check-config: looks at the files and folders that the configuration names, as far as that leaves no trace.
/// Returns what the agent runs without, a line each. Errors: what it would not start with, or never reach its collector
/// with.
Result<std::vector<std::string>> check_files(const AgentConfig& config);

}  // namespace plumbline::agent
