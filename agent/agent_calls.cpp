// Calls of cloud APIs: from the thread that sees them to the observing one.
#include <malloc.h>
#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <fstream>
#include <limits>

#include "agent/agent_parts.hpp"
#include "agent/machine.hpp"
#include "agent/seen_call.hpp"
#include "fetch/kubernetes_origin.hpp"

namespace plumbline::agent {
namespace {

/// Those that are configured, or the cluster that the agent runs in.
std::vector<TokenKeysConfig> token_keys_of(const CallsConfig& config) {
  if (config.token_keys) return *config.token_keys;
  if (const auto own = fetch::find_kubernetes_api({}); own && std::ifstream(own->token_file).good())
    return {{"kubernetes", "", "", "", true}};
  return {};
}

}  // namespace

void tell_of_keys(const access::TokenKeyring::Row& row) {
  if (row.why.empty())
    spdlog::info("event=token_keys from=\"{}\" keys={}", row.from, row.keys);
  else
    spdlog::warn("event=token_keys_not_read from=\"{}\" why=\"{}\" former_keys={}", row.from, row.why, row.keys);
}

/// As the configuration says. What cannot be watched is told; files are watched all the same.
void Agent::Parts::start_calls() {
  if (!config.calls.enabled)
    return stop_calls(config.calls.is_chosen ? "calls.enabled is false"
                                             : "no baseline is of a tool whose resources such calls change");
  if (!keyring) {
    auto made = access::TokenKeyring::make(token_keys_of(config.calls), "calls.token_keys", tell_of_keys);
    if (!made) spdlog::error("event=token_keys_not_read why=\"{}\"", made.error().message());
    if (made && *made) {
      keyring = std::move(*made);
      keyring->start();
    }
  }
  CallWatch::Options options;
  options.capture.processes_fd = kernel->processes_fd();
  options.files.max_hooked = config.calls.max_files;
  options.gate_limit = config.calls.exec_gate;
  options.plain.urls = config.calls.plain_http;
  options.plain.metadata = config.calls.metadata_services ? *config.calls.metadata_services : is_of_amazon();
  options.excluded = config.calls.exclude_cgroups;
  options.scanner.host_root = host_root(options.scanner.proc_root);
  options.scanner.folders = config.calls.folders.empty() ? TlsScanner::usual_folders() : config.calls.folders;
  std::vector<const baseline::KeyedHash*> keys = {&key};
  if (handout_key) keys.push_back(&*handout_key);
  options.prints = std::make_shared<cloud::SecretPrints>(keys);
  if (keyring) options.keyring = keyring;
  options.connections.limits.head_bytes = std::size_t{16} * 1024;
  options.connections.limits.table_bytes = std::size_t{16} * 1024;
  options.connections.limits.total_bytes = std::size_t{16} * 1024 * 1024;
  options.connections.limits.tenant_bytes = std::size_t{4} * 1024 * 1024;
  auto opened = CallWatch::open(std::move(options), clock);
  if (!opened) {
    spdlog::error("event=calls_not_watched why=\"{}\"", opened.error().message());
    return stop_calls(opened.error().message());
  }
  calls = std::move(*opened);
  ::malloc_trim(0);  // each of its programs parsed the kernel's BTF, of which nothing is needed again
  set_states();
  calls->start([this] { asio::post(io, [this] { take_calls(); }); });
  state.set_calls(
      {[watch = calls.get()] { return watch->status_json(); }, [watch = calls.get()] { return watch->metrics_text(); },
       [watch = calls.get()] { return watch->blind_spots(); }},
      "");
  observer->calls_watched(true);
  spdlog::info("event=calls_watched");
}

/// As configured, and the one that the agent runs in.
void Agent::Parts::set_clusters() {
  Clusters clusters;
  for (const auto& [name, servers] : config.calls.clusters)
    for (const auto& url : servers) clusters.add(name, url);
  const std::string own(baseline::in_cluster);
  if (const auto api = fetch::find_kubernetes_api({})) {
    clusters.add(own, api->server);
    clusters.add_service_names(own, api->server.substr(api->server.rfind(':') + 1));
  }
  observer->set_clusters(std::move(clusters));
}

/// Of baselines that this node reads, and of those that it is handed.
void Agent::Parts::set_states() {
  if (!calls) return;
  auto sources = observer->handed_locations();
  sources.insert(sources.end(), config.baselines.begin(), config.baselines.end());
  calls->set_states(std::make_shared<fetch::StateRequests>(sources));
}

void Agent::Parts::stop_calls(const std::string& why) {
  state.set_calls({}, why);
  if (!calls) return;
  calls->stop();
  take_calls(std::numeric_limits<int>::max());
  tell_lost_calls();
  observer->calls_watched(false);
  ReadCall left;
  std::uint64_t dropped = 0;
  while (calls->take(left)) ++dropped;
  if (dropped > 0) {
    const WallNs now = clock.wall();
    observer->calls_lost(dropped, now, now);
    spdlog::error("event=calls_dropped count={} why=\"the spool has no room for them\"", dropped);
  }
  calls.reset();
  spdlog::info("event=calls_not_watched why=\"{}\"", why);
}

/// Some at a time: files wait for this thread too.
void Agent::Parts::take_calls(int most) {
  const std::int64_t until = clock.boot() + 50'000'000;
  ReadCall call;
  int taken = 0;
  while (calls) {
    observer->on_ring();  // the record of a new container's cgroup wakes nobody, and its first call names it
    if (!observer->can_take_call() || !calls->take(call)) break;
    observer->take_call(seen_call_of(call));
    if (++taken >= most || (most == calls_a_turn && clock.boot() > until)) {
      if (!std::exchange(calls_posted, true))
        asio::post(io, [this] {
          calls_posted = false;
          take_calls();
        });
      break;
    }
  }
  if (taken > 0) wait_for_timer();  // a state that was uploaded is due now
}

void Agent::Parts::tell_lost_calls() {
  if (!calls) return;
  const auto lost = calls->take_lost();
  observer->calls_lost(lost.pieces, lost.from, lost.until);
  for (const auto& file : calls->take_unhooked()) observer->file_unhooked(file.path, file.from, file.until);
}

}  // namespace plumbline::agent
