#pragma once

#include <string>

#include "agent/source/kernel.hpp"

namespace plumbline::agent {

/// Makes a canary file in `scratch_dir`, marks it and its directory, changes them in each way that the agent claims to
/// see (content, mode, replacement, creation) and looks whether every mark moved, with this process as the actor. A
/// hook that attaches and never fires is found here and nowhere else. Leaves nothing behind.
Result<void> run_self_test(Kernel& kernel, const std::string& scratch_dir);

}  // namespace plumbline::agent
