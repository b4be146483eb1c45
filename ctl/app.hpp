// The command line: arguments to commands.
#pragma once

#include "ctl/context.hpp"

namespace plumbline::ctl {

/// Runs one command line and returns the exit code. `terminal` as the program found it.
int run(int argc, const char* const* argv, const Terminal& terminal, const Clock& clock);

}  // namespace plumbline::ctl
