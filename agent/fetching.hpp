// From the configuration to what brings baselines to this node.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "agent/config/agent_config.hpp"
#include "agent/observer.hpp"
#include "agent/telemetry/counters.hpp"
#include "fetch/ecs_services.hpp"
#include "fetch/fetcher.hpp"
#include "fetch/handout_client.hpp"
#include "fetch/pod_register.hpp"

namespace plumbline::agent {

std::vector<baseline::SourceSpec> sources_of(const AgentConfig& config);

/// The configured origin of each keeper whose source is a location. `pods` learns of this node's.
Result<std::vector<fetch::Remote>> remotes_of(const AgentConfig& config,
                                              const std::vector<std::shared_ptr<fetch::SourceKeeper>>& keepers,
                                              const Clock& clock, const std::stop_token& stop,
                                              const std::shared_ptr<fetch::PodRegister>& pods);

/// Who is asked of containers, beside what run-times note of them on disk. Nothing is added that was not told (yet).
struct ContainerFacts {
  std::shared_ptr<fetch::PodRegister> pods = std::make_shared<fetch::PodRegister>();
  std::shared_ptr<fetch::EcsServices> services;  ///< nullptr: nobody asks ECS' agent

  /// Service account and image digest as the API server says them; the service as ECS' agent does.
  void add_to(wire::Container& container) const;
};

/// Not started; nullptr where the configuration names no ECS' agent. Tells `counters` and the log.
std::shared_ptr<fetch::EcsServices> make_ecs_services(const EcsConfig& config, Counters& counters);

/// Where the collector is to hand out baselines: makes the client (not started) and the key of its hashes, which
/// outlive the observer. nullopt where it is not.
Result<std::optional<HandoutSetup>> set_up_handout(const AgentConfig& config, std::optional<baseline::KeyedHash>& key,
                                                   std::unique_ptr<fetch::HandoutClient>& client);

}  // namespace plumbline::agent
