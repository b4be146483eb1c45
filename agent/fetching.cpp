#include "agent/fetching.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "fetch/docker_container.hpp"
#include "fetch/make_origin.hpp"

namespace plumbline::agent {
namespace {

/// A list is signed anew every fetch::issue_period, and clocks of machines differ.
std::chrono::seconds stale_after(std::chrono::milliseconds interval) {
  return std::chrono::duration_cast<std::chrono::seconds>(
      std::max<std::chrono::milliseconds>(6 * fetch::issue_period, 10 * interval));
}

}  // namespace

std::vector<baseline::SourceSpec> sources_of(const AgentConfig& config) {
  std::vector<baseline::SourceSpec> specs;
  for (const auto& b : config.baselines) specs.push_back(fetch::spec_of(b));
  return specs;
}

Result<std::vector<fetch::Remote>> remotes_of(const AgentConfig& config,
                                              const std::vector<std::shared_ptr<fetch::SourceKeeper>>& keepers,
                                              const Clock& clock, const std::stop_token& stop,
                                              const std::shared_ptr<fetch::PodRegister>& pods) {
  std::vector<fetch::Remote> remotes;
  for (const auto& keeper : keepers)
    for (const auto& b : config.baselines) {
      if (b.name != keeper->spec().name) continue;
      auto origin = fetch::make_origin(b, clock, stop, pods);
      if (!origin) return origin.error();
      remotes.push_back({keeper, std::move(*origin), b.interval, b});
    }
  return remotes;
}

void ContainerFacts::add_to(wire::Container& container) const {
  if (container.ecs && services) container.ecs->service = services->service_of(container.id);
  if (container.pod_uid.empty()) return;
  auto facts = pods->facts_of(container.pod_uid, container.id);
  if (!facts.service_account.empty()) container.service_account = std::move(facts.service_account);
  if (!facts.image_digest.empty()) container.image_digest = std::move(facts.image_digest);
}

std::shared_ptr<fetch::EcsServices> make_ecs_services(const EcsConfig& config, Counters& counters) {
  if (config.task_metadata_url.empty()) return nullptr;
  const auto tell = [&counters, was_failing = false](const fetch::EcsServices::Round& round) mutable {
    counters.ecs_known = round.known;
    counters.ecs_crowded = round.crowded;
    counters.ecs_failures += round.failed;
    const bool fails = !round.why.empty();
    if (fails && !was_failing) spdlog::warn("event=ecs_services_unknown why=\"{}\"", round.why);
    if (!fails && was_failing) spdlog::info("event=ecs_services_known containers={}", round.known);
    was_failing = fails;
  };
  return std::make_shared<fetch::EcsServices>(
      fetch::EcsServicesOptions{config.task_metadata_url, fetch::docker_containers}, tell);
}

Result<std::optional<HandoutSetup>> set_up_handout(const AgentConfig& config, std::optional<baseline::KeyedHash>& key,
                                                   std::unique_ptr<fetch::HandoutClient>& client) {
  if (!config.collector || !config.collector->baselines) return std::optional<HandoutSetup>();
  const CollectorConfig& c = *config.collector;
  auto node_key = fetch::read_node_key(c.baselines->key_file);
  if (!node_key) return node_key.error();
  key.emplace(node_key->hash);
  client = std::make_unique<fetch::HandoutClient>(fetch::HandoutOptions{c.url,
                                                                        c.token_file,
                                                                        c.ca_file,
                                                                        c.certificate_file,
                                                                        c.key_file,
                                                                        config.node,
                                                                        config.state_dir + "/baselines/handed",
                                                                        c.baselines->interval,
                                                                        {std::chrono::milliseconds(5'000), c.timeout}},
                                                  *node_key);
  HandoutSetup setup{c.url, &*key, nullptr, "", stale_after(c.baselines->interval)};
  if (auto kept = client->kept())
    setup.kept = std::move(*kept);
  else if (kept.error().code != ErrorCode::not_found)
    setup.damage = kept.error().message();
  return std::optional(std::move(setup));
}

}  // namespace plumbline::agent
