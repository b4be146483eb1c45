// Approved runs: from the API's thread, which is asked, to the observing one, which answers.
#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>

#include "agent/agent_parts.hpp"
#include "agent/api/runs.hpp"

namespace plumbline::agent {

/// Before the observer starts and the server's threads run.
Result<void> Agent::Parts::set_up_runs(const std::string& boot_id) {
  auto made = access::TokenKeyring::make(config.approval.keys, "verdicts.approval.keys", tell_of_keys);
  if (!made) return made.error();
  run_keyring = std::move(*made);
  ApprovedRuns::Options options;
  options.required = config.approval.required;
  options.needs_token = !config.approval.keys.empty();
  options.audience = config.approval.audience;
  options.subjects = config.approval.subjects;
  options.file = config.state_dir + "/approved_runs.json";
  options.boot_id = boot_id;
  options.bounds.grace_ns = std::chrono::nanoseconds(config.pending_grace).count();
  runs = std::make_unique<ApprovedRuns>(
      std::move(options),
      [keyring = run_keyring.get()] {
        return keyring != nullptr ? keyring->keys() : std::shared_ptr<const cloud::TokenKeys>();
      },
      clock, counters);
  observer->set_approved_runs(runs.get());
  if (run_keyring) run_keyring->start();
  const auto later = [this](auto call) { asio::post(io, std::move(call)); };
  add_run_routes(server, {[this, later](RunRequest request, http::PeerProcess peer, http::Responder respond) {
                            later([this, request = std::move(request), peer, respond = std::move(respond)] {
                              respond(runs->approve(request, peer));
                            });
                          },
                          [this, later](http::Responder respond) {
                            later([this, respond = std::move(respond)] { respond(runs->list()); });
                          },
                          [this, later](std::string id, http::Responder respond) {
                            later([this, id = std::move(id), respond = std::move(respond)] { respond(runs->end(id)); });
                          }});
  return {};
}

}  // namespace plumbline::agent
