#include "agent/check_files.hpp"

#include "access/gate.hpp"
#include "agent/source/bpffs.hpp"
#include "fetch/secret.hpp"
#include "http/client_tls.hpp"
#include "http/server_tls.hpp"

namespace plumbline::agent {
namespace {

Result<void> check_collector(const CollectorConfig& collector) {
  // Those of a node that enrols are not there before it has.
  const bool enrols = !collector.enrolment_token_file.empty();
  if (auto fine = http::check_client_tls(collector.ca_file, enrols ? "" : collector.certificate_file,
                                         enrols ? "" : collector.key_file);
      !fine)
    return fine;
  if (collector.token_file.empty()) return {};
  if (const auto token = fetch::read_secret_line(collector.token_file); !token) return token.error();
  return {};
}

}  // namespace

Result<std::vector<std::string>> check_files(const AgentConfig& config) {
  std::error_code ignored;
  if (std::filesystem::exists(config.state_dir, ignored) && !std::filesystem::is_directory(config.state_dir, ignored))
    return invalid("use state_dir " + config.state_dir, "it is not a directory", "name one, or what can become one");
  if (config.collector)
    if (const auto fine = check_collector(*config.collector); !fine) return fine.error();
  if (config.api_tls)
    if (const auto tls = http::ServerTls::load(*config.api_tls); !tls) return tls.error();
  const SystemClock clock;
  if (const auto gate = access::Gate::make(api_policy_of(config), clock, [](const access::TokenKeyring::Row&) {});
      !gate)
    return gate.error();
  std::vector<std::string> without;
  if (config.pin && !is_below_bpffs(config.pin_dir))
    without.push_back(
        "kernel.pin_dir " + config.pin_dir +
        " is no folder of its own on a bpffs: changes while the agent is down will lack their actor; mount "
        "one (mount -t bpf bpf /sys/fs/bpf) and name a folder in it, or say pin: false");
  return without;
}

}  // namespace plumbline::agent
