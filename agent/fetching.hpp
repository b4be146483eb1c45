// From the configuration to what brings baselines to this node.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "agent/config/agent_config.hpp"
#include "agent/observer.hpp"
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

/// What the API server says of the pod of this container: service accounts and image digests are known from nowhere
/// else. Nothing is added where it has not told of it (yet).
void add_pod_facts(const fetch::PodRegister& pods, wire::Container& container);

/// Where the collector is to hand out baselines: makes the client (not started) and the key of its hashes, which
/// outlive the observer. nullopt where it is not.
Result<std::optional<HandoutSetup>> set_up_handout(const AgentConfig& config, std::optional<baseline::KeyedHash>& key,
                                                   std::unique_ptr<fetch::HandoutClient>& client);

}  // namespace plumbline::agent
