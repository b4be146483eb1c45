#pragma once

#include <string>

#include "agent/source/kernel.hpp"

namespace plumbline::hook_matrix {

/// Makes calls that the kernel refuses, on marked files in `directory`: by a user who may not, on a read-only mount,
/// and what nobody could do. What failed is no change and its actor did nothing, so no mark may move. Prints a line a
/// case, "hooks.NAME.refused.WHY.CALL"; false where one failed.
bool run_refused(agent::Kernel& kernel, const std::string& directory);

}  // namespace plumbline::hook_matrix
