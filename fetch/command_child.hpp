// A command, and nothing that it started outlives it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "include/util/fd.hpp"
#include "include/util/result.hpp"

namespace plumbline::fetch {

/// Between the agent and the command stands a small process of ours, the guard, a fork that executes nothing: to it,
/// the kernel hands whatever the command's children leave behind (PR_SET_CHILD_SUBREAPER), in whatever session or
/// process group. When the command has ended, when it is to be killed, or when the agent is gone, it kills all of them.
class CommandChild {
 public:
  CommandChild() = default;
  ~CommandChild();  ///< kill(), and waits for the end
  CommandChild(const CommandChild&) = delete;
  CommandChild& operator=(const CommandChild&) = delete;

  /// With the agent's environment, an empty standard input, `output` as its standard output, and no error output. That
  /// the program cannot be executed is told by wait_until().
  Result<void> start(const std::vector<std::string>& argv, const std::string& directory, int output);
  /// The wait status of the command, once it and all that it started have ended; nullopt: not within the time, or it
  /// was killed by kill().
  Result<std::optional<int>> wait_until(std::chrono::steady_clock::time_point deadline);
  /// It and all that it started. Any thread, from start() to the destructor; does not wait.
  void kill();

 private:
  std::string program_;
  pid_t guard_ = -1;
  Fd line_;  ///< to the guard: it ends when this does
};

}  // namespace plumbline::fetch
