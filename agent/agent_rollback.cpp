// What puts files back: from rules and configuration to the healer, and from the API's thread to the observing one.
#include <openssl/crypto.h>

#include <boost/asio/post.hpp>

#include "agent/agent_parts.hpp"
#include "agent/api/rollback.hpp"

namespace plumbline::agent {

/// Before the observer starts and the server's threads run. Without a rule the healer waits for work, and costs
/// nothing.
Result<void> Agent::Parts::set_up_rollback(std::vector<RollbackRule> rules) {
  auto install_key = baseline::load_or_create_key(config.state_dir + "/rollback.key");
  if (!install_key) return install_key.error();
  Healer::Options options;
  options.folder = config.state_dir + "/rollback";
  options.max_file_bytes = config.rollback.max_file_bytes;
  options.store_bytes = config.rollback.store_bytes;
  options.keep_overwritten = config.rollback.keep_overwritten;
  options.validate_timeout = config.rollback.validate_timeout;
  auto made = Healer::make(std::move(options), *install_key, clock);
  OPENSSL_cleanse(install_key->data(), install_key->size());
  if (!made) return made.error();
  healer = std::move(*made);
  set_rollback_rules(std::move(rules));
  add_rollback_routes(server, [this](const std::string& drift, RollbackWish wish, http::PeerProcess peer,
                                     const http::Responder& respond) {
    asio::post(io, [this, drift, wish, by = "uid " + std::to_string(peer.uid), respond] {
      observer->roll_back(drift, wish, by, [respond](const Result<std::string>& answer) {
        respond(answer ? http::json_response(*answer) : http::problem(answer.error()));
      });
      wait_for_timer();
    });
  });
  return {};
}

void Agent::Parts::set_rollback_rules(std::vector<RollbackRule> rules) {
  observer->set_rollback({healer.get(), config.rollback, std::move(rules), [this](std::function<void()> call) {
                            asio::post(io, [this, call = std::move(call)] {
                              call();
                              wait_for_timer();
                            });
                          }});
}

}  // namespace plumbline::agent
