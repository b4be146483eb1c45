#include "agent/config/agent_config.hpp"

#include "agent/config/rules_file.hpp"
#include "include/util/loopback.hpp"
#include "tests/fuzz/must.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plumbline;
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto config = agent::parse_agent_config("f.yaml", text); !config) {
    fuzz::must_be_readable(config.error());
  } else {
    fuzz::must(config->state_dir.starts_with('/'), "paths are absolute");
    if (config->api_listen != "off") {
      const auto address = agent::split_address(config->api_listen);
      fuzz::must(address && (is_loopback(address->first) || (config->api_tls && !config->api_access.empty())),
                 "beyond loopback the API has TLS, and asks who reads");
    }
    for (const auto& baseline : config->baselines)
      fuzz::must(baseline.path.starts_with('/') && !baseline.name.empty(), "a baseline has a name and a path");
  }
  if (const auto rules = agent::parse_rules("f.yaml", text); !rules) {
    fuzz::must_be_readable(rules.error());
  } else {
    for (const auto& rule : rules->judging)
      fuzz::must(rule.verdict != wire::Verdict::in_band || !rule.when.exe_sha256.empty() ||
                     !rule.when.lineage_exe_sha256.empty() || !rule.when.container_image_digest.empty(),
                 "a name alone is never proof");
    for (const auto& rule : rules->rollback)
      fuzz::must(!rule.resource.empty() || !rule.path.empty() || !rule.type.empty(), "nothing is put back unnamed");
  }
  return 0;
}
