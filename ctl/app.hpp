// The command line: arguments to commands.
#pragma once

#include "ctl/source_commands.hpp"

namespace plumbline::ctl {

/// Runs one command line and returns the exit code. `terminal` as the program found it. Where `sources` has none, those
/// commands are said to be elsewhere.
int run(int argc, const char* const* argv, const Terminal& terminal, const Clock& clock,
        const SourceCommands& sources = {});

}  // namespace plumbline::ctl
