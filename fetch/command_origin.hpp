// A source that a command prints.
#pragma once

#include <vector>

#include "fetch/origin.hpp"

namespace plumbline::fetch {

struct CommandOptions {
  std::vector<std::string> argv;  ///< argv[0] is absolute: nothing is looked for in PATH, and no shell is asked
  std::string directory = "/";
  FetchLimits limits;
};

/// Runs the command as the agent itself, with its environment and an empty standard input. Its output is the source
/// where it exits with 0; what it says on standard error goes nowhere, as it may hold secrets. Nothing that it
/// started outlives it, and past the limit of time it is killed itself. The version is the digest of the output.
std::unique_ptr<Origin> make_command_origin(CommandOptions options);

}  // namespace plumbline::fetch
