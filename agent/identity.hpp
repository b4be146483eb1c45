#pragma once

#include <string>

#include "agent/config/agent_config.hpp"
#include "agent/node_state.hpp"
#include "include/util/result.hpp"

namespace plumbline::agent {

/// Node id (32 hex digits, made once and kept in state_dir/node_id), name, labels, and the kernel's boot id.
Result<NodeIdentity> load_identity(const AgentConfig& config);

/// Makes the state directory (0700) where it is missing; refuses one that users other than this one and root may
/// change.
Result<void> make_state_dir(const std::string& path);

}  // namespace plumbline::agent
