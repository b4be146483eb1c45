#include "collector/config/collector_config.hpp"

#include <set>

#include "include/util/loopback.hpp"
#include "tests/fuzz/must.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plumbline;
  const auto config = collector::parse_collector_config("f.yaml", {reinterpret_cast<const char*>(data), size});
  if (!config) {
    fuzz::must_be_readable(config.error());
    return 0;
  }
  fuzz::must(!config->sqlite_path.empty(), "the ledger has a place");
  const auto policy = collector::policy_of(*config);
  fuzz::must(is_loopback(config->host) ||
                 (config->tls && policy.asks_people && policy.asks_agents && config->agents.token_file.empty()),
             "beyond loopback it has TLS, and asks everybody who he is");
  fuzz::must(config->baselines_dir.empty() || config->baselines_dir.starts_with('/'), "paths are absolute");
  std::set<std::string> names;
  for (const auto& sink : config->sinks) {
    fuzz::must(!sink.name.empty() && names.insert(sink.name).second, "a sink has a name of its own");
    fuzz::must(sink.destination.index() != 0 && !sink.kind.empty(), "a sink has one destination");
    fuzz::must(sink.start == "beginning" || sink.start == "now", "a sink starts somewhere");
  }
  for (const auto& baseline : config->baselines)
    fuzz::must(!baseline.source.name.empty() && !baseline.source.path.empty(), "a baseline has a name and a place");
  return 0;
}
