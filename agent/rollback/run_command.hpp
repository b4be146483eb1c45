// A command of the configuration's, run where it can do little: no shell, no input, no output, a clean environment.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "include/util/result.hpp"

namespace plumbline::agent {

/// Runs `argv` (argv[0] an absolute path) and waits for its end; whatever it started is killed with it at `timeout`. An
/// error unless it ends with 0. What it prints is thrown away: it may quote the file, which may be a secret.
Result<void> run_command(const std::vector<std::string>& argv, std::chrono::milliseconds timeout);

}  // namespace plumbline::agent
