// plumb rollout: waits until the pods of a DaemonSet are ready on each node, for hooks of the Helm chart. A hook may be
// a DaemonSet, but Helm itself waits for Jobs and Pods alone; this is what such a Job runs.
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <ostream>
#include <thread>

#include "ctl/api.hpp"
#include "ctl/commands.hpp"
#include "ctl/text.hpp"
#include "http/target.hpp"
#include "include/wire/json.hpp"

namespace plumbline::ctl {
namespace {

using Steady = std::chrono::steady_clock;

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// "2 of 3 ready", and whether that is all of them. The numbers are of the DaemonSet that was asked for only once the
/// controller has seen it: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/daemon-set-v1/
struct Progress {
  bool is_done = false;
  std::string says;
};
Progress progress_of(const Json& daemon_set) {
  const auto number = [](const Json& of, const char* key) {
    const auto it = of.is_object() ? of.find(key) : of.end();
    return it != of.end() && it->is_number_integer() ? it->get<std::int64_t>() : -1;
  };
  const Json none = Json::object();
  const auto part = [&](const char* key) -> const Json& {
    const auto it = daemon_set.is_object() ? daemon_set.find(key) : daemon_set.end();
    return it != daemon_set.end() ? *it : none;
  };
  const Json& status = part("status");
  const auto wanted = number(status, "desiredNumberScheduled"), ready = number(status, "numberReady");
  const bool seen = number(status, "observedGeneration") >= 0 &&
                    number(status, "observedGeneration") >= number(part("metadata"), "generation");
  if (!seen || wanted < 0) return {false, "its pods are not made yet"};
  return {ready >= wanted,
          std::to_string(std::max<std::int64_t>(ready, 0)) + " of " + std::to_string(wanted) + " ready"};
}

}  // namespace

int await_rollout(const Context& context, const RolloutOptions& options) {
  const char* host = std::getenv("KUBERNETES_SERVICE_HOST");  // NOLINT(concurrency-mt-unsafe): one thread
  const char* port = std::getenv("KUBERNETES_SERVICE_PORT");  // NOLINT(concurrency-mt-unsafe)
  if (options.api.empty() && (host == nullptr || port == nullptr))
    return fail(context, invalid("find the API server", "this is no pod: KUBERNETES_SERVICE_HOST is not set",
                                 "name it with --api-server"));
  const std::string name = options.api.empty() ? std::string(host) : "";
  const std::string server = !options.api.empty()                  ? options.api
                             : name.find(':') != std::string::npos ? "https://[" + name + "]:" + port
                                                                   : "https://" + name + ":" + port;
  const auto endpoint = http::parse_endpoint(server);
  if (!endpoint) return fail(context, endpoint.error());
  const std::string ns = http::percent_encode(first_line(options.account + "/namespace"));
  const std::string target = "/apis/apps/v1/namespaces/" + ns + "/daemonsets/" + http::percent_encode(options.name);
  const auto until = Steady::now() + options.wait;
  std::string told;
  for (;; std::this_thread::sleep_for(std::chrono::milliseconds(500))) {
    http::ClientOptions client;
    client.timeout = context.options.timeout;
    client.ca_file = options.account + "/ca.crt";
    client.bearer_token = first_line(options.account + "/token");
    const auto answer = http::Client(*endpoint, client).get(target);
    if (answer && (answer->status == 401 || answer->status == 403 || answer->status == 404))
      return fail(context, http::error_of(*answer, "ask for the DaemonSet " + options.name));
    std::string says = answer ? "the API server answers " + std::to_string(answer->status) : answer.error().message();
    if (answer && answer->status == 200) {
      const auto progress = progress_of(Json::parse(answer->body, nullptr, false));
      says = progress.says;
      if (progress.is_done) {
        context.terminal.out << printable(options.name) << ": " << says << '\n';
        return exit_code::ok;
      }
    }
    if (says != told) context.terminal.err << printable(options.name) << ": " << printable(says) << '\n';
    told = says;
    if (Steady::now() >= until)
      return fail(context, {ErrorCode::internal, "wait for the DaemonSet " + options.name, says,
                            "kubectl logs of its pods that are not ready say why"});
  }
}

int pause_until_ended(const Context&) {
  sigset_t ends;
  sigemptyset(&ends);
  for (const int signal : {SIGTERM, SIGINT}) sigaddset(&ends, signal);
  ::sigprocmask(SIG_BLOCK, &ends, nullptr);
  int which = 0;
  ::sigwait(&ends, &which);
  return exit_code::ok;
}

}  // namespace plumbline::ctl
