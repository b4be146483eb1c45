// All parts of the agent, for agent.cpp, which wires them, and agent_calls.cpp.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "access/token_keyring.hpp"
#include "agent/agent.hpp"
#include "agent/approved_runs.hpp"
#include "agent/call_watch.hpp"
#include "agent/enrolment.hpp"
#include "agent/export/exporter.hpp"
#include "agent/fetching.hpp"
#include "agent/kernel_facts.hpp"
#include "agent/observer.hpp"
#include "agent/rollback/healer.hpp"
#include "agent/source/mount_table.hpp"
#include "fetch/fetcher.hpp"
#include "fetch/file_loader.hpp"
#include "fetch/handout_client.hpp"
#include "http/server.hpp"

namespace plumbline::agent {

namespace asio = boost::asio;

/// Into the log: how it stands with the keys of a place.
void tell_of_keys(const access::TokenKeyring::Row& row);

struct Agent::Parts {
  Parts(AgentConfig c, std::string path, NodeIdentity identity, baseline::KeyedHash k)
      : config(std::move(c)),
        config_path(std::move(path)),
        key(std::move(k)),
        state(std::move(identity), counters, config.recent_findings) {}

  ~Parts() { server.stop(); }  // it posts to `io`
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  AgentConfig config;
  std::string config_path;
  SystemClock clock;
  Counters counters;
  baseline::KeyedHash key;
  NodeState state;
  std::unique_ptr<Spool> spool;
  std::unique_ptr<Kernel> kernel;
  std::optional<MountTable> mount_table;  ///< since before the first check
  std::unique_ptr<KernelProcesses> processes;
  ContainerFacts container_facts;
  std::unique_ptr<Containers> containers;
  std::unique_ptr<Digests> digests;
  Users users;
  std::unique_ptr<Enricher> enricher;
  std::optional<baseline::KeyedHash> handout_key;
  std::unique_ptr<Observer> observer;
  std::unique_ptr<Exporter> exporter;
  std::unique_ptr<Enrolment> enrolment;      ///< nullptr: this node has its certificate from elsewhere, or none
  std::unique_ptr<access::Gate> gate;        ///< of the API; outlives the server's threads
  std::shared_ptr<http::ServerTls> api_tls;  ///< nullptr: TCP is served in clear
  http::Server server;

  asio::io_context io{1};
  asio::posix::stream_descriptor ring{io};
  asio::posix::stream_descriptor mounts{io};
  asio::steady_timer timer{io};
  asio::signal_set signals{io, SIGTERM, SIGINT, SIGHUP};
  // nullptr until there is something to fetch, or a large file to read; they end before what they post to.
  std::unique_ptr<fetch::Fetcher> fetcher;
  std::unique_ptr<fetch::FileLoader> loader;
  std::unique_ptr<fetch::HandoutClient> handout;  ///< nullptr: the collector hands us nothing; ends before, too

  std::unique_ptr<access::TokenKeyring> run_keyring;  ///< nullptr: approvals of runs need no token
  std::unique_ptr<ApprovedRuns> runs;
  std::unique_ptr<Healer> healer;  ///< ends before what it posts to

  std::shared_ptr<access::TokenKeyring> keyring;  ///< nullptr: bearer tokens are not proven
  std::unique_ptr<CallWatch> calls;               ///< nullptr: nobody watches; ends before what it posts to

  Result<void> set_up_runs(const std::string& boot_id);
  Result<void> set_up_rollback(std::vector<RollbackRule> rules);
  void set_rollback_rules(std::vector<RollbackRule> rules);
  void start_calls();
  void set_states();
  void set_clusters();
  void stop_calls(const std::string& why);
  static constexpr int calls_a_turn = 64;
  bool calls_posted = false;  ///< the next turn of take_calls() is
  void take_calls(int most = calls_a_turn);
  void tell_lost_calls();
  void wait_for_ring();
  void wait_for_mounts();
  void wait_for_timer();
  void wait_for_signal();
  void reload();
  void start_fetching();
  void start_handout();
  std::function<void(fetch::Delivered)> delivery();
};

}  // namespace plumbline::agent
