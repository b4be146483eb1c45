// All parts of the agent and how they are wired: the only place that knows every stage.
#pragma once

#include <memory>
#include <string>

#include "agent/config/agent_config.hpp"
#include "include/util/result.hpp"

namespace plumbline::agent {

class Agent {
 public:
  /// Builds everything, takes over an earlier agent's state and marks, and compares every managed file once. Errors
  /// carry what to do; nothing is left running or changed on one.
  static Result<std::unique_ptr<Agent>> build(AgentConfig config, std::string config_path);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  /// Observes until SIGTERM or SIGINT; SIGHUP reads configuration and rules again. Returns the exit code.
  int run();

 private:
  Agent();
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace plumbline::agent
