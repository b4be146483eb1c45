#include "agent/agent.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <filesystem>

#include "agent/agent_parts.hpp"
#include "agent/api/api.hpp"
#include "agent/blind_spots.hpp"
#include "agent/detect/judge.hpp"
#include "agent/fetching.hpp"
#include "agent/identity.hpp"
#include "agent/rollback/healer_metrics.hpp"
#include "agent/spool_report.hpp"
#include "fetch/make_origin.hpp"
#include "include/util/service_manager.hpp"

namespace plumbline::agent {
namespace {

/// Rules may be about what the cluster says of the actor's pod.
Judge judge_by(std::vector<Rule> rules, ContainerFacts facts) {
  return [rules = std::move(rules), facts = std::move(facts)](wire::Finding& finding, bool sensitive,
                                                              const std::string& run, const ApprovalState& approval) {
    for (auto* container : {&finding.actor.container, &finding.where.container})
      if (*container) facts.add_to(**container);
    judge(rules, finding, sensitive, run, approval);
  };
}

}  // namespace

Agent::Agent() = default;
Agent::~Agent() = default;

Result<std::unique_ptr<Agent>> Agent::build(AgentConfig config, std::string config_path) {
  if (auto made = make_state_dir(config.state_dir); !made) return made.error();
  auto identity = load_identity(config);
  if (!identity) return identity.error();
  auto key = baseline::KeyedHash::load_or_create(config.state_dir + "/hash.key");
  if (!key) return key.error();
  auto rules = load_all_rules(config.rules);
  if (!rules) return rules.error();
  if (auto fine = fetch::check_origins(config.baselines); !fine) return fine.error();

  const std::string own = config.state_dir + "/identity";
  if (config.collector && !config.collector->enrolment_token_file.empty()) {
    config.collector->certificate_file = Enrolment::certificate_file(own);
    config.collector->key_file = Enrolment::key_file(own);
  }
  const NodeIdentity who = *identity;
  std::unique_ptr<Agent> agent(new Agent);
  agent->parts_ =
      std::make_unique<Parts>(std::move(config), std::move(config_path), std::move(*identity), std::move(*key));
  Parts& p = *agent->parts_;

  auto spool =
      open_spool({p.config.state_dir + "/spool", p.config.spool_max_bytes, p.config.spool_segment_bytes}, p.clock);
  if (!spool) return spool.error();
  p.spool = std::move(*spool);

  KernelOptions kernel_options;
  if (p.config.tier != "auto") kernel_options.only = p.config.tier == "ctime" ? Tier::ctime : Tier::fentry;
  kernel_options.pin_dir = p.config.pin ? p.config.pin_dir : "";
  kernel_options.max_marks = p.config.max_marks;
  kernel_options.processes = p.config.processes;
  kernel_options.images = p.config.images;
  kernel_options.scratch_dir = p.config.state_dir;
  auto kernel = open_kernel(kernel_options);
  if (!kernel) return kernel.error();
  p.kernel = std::move(*kernel);
  ::malloc_trim(0);  // parsing the kernel's BTF took 10 MB that nothing needs again
  p.state.set_kernel(std::string(text_of(p.kernel->tier())), kernel_json(*p.kernel), blind_spots_of(*p.kernel));
  p.state.set_health("hooks", true, std::string(text_of(p.kernel->tier())) + " tier, proven by the self-test");
  p.state.set_health("spool", true, "opened");
  spdlog::info("event=hooks tier={} adopted={} node={} node_id={}", text_of(p.kernel->tier()), p.kernel->adopted(),
               who.node, who.node_id);
  if (!p.kernel->pin_trouble().empty()) spdlog::warn("event=pins why=\"{}\"", p.kernel->pin_trouble());

  auto mount_table = MountTable::open();
  if (!mount_table) return mount_table.error();
  p.mount_table = std::move(*mount_table);
  p.processes = std::make_unique<KernelProcesses>(*p.kernel);
  p.containers = std::make_unique<Containers>(ContainerRoots{});
  p.container_facts.services = make_ecs_services(p.config.ecs, p.counters);
  p.digests = std::make_unique<Digests>(opener(*p.kernel));
  p.enricher = std::make_unique<Enricher>(*p.processes, *p.containers, *p.digests, p.users, p.clock);
  auto handout = set_up_handout(p.config, p.handout_key, p.handout);
  if (!handout) return handout.error();
  p.observer = std::make_unique<Observer>(
      ObserverOptions{who, p.config.state_dir, sources_of(p.config), p.config.max_file_bytes,
                      std::chrono::nanoseconds(p.config.rescan_interval).count(), std::move(*handout),
                      std::chrono::nanoseconds(p.config.pending_grace).count(), !p.config.collector.has_value(),
                      p.config.max_container_files, p.config.max_container_file_bytes},
      ObserverParts{*p.kernel, *p.enricher, *p.containers, *p.spool, p.state, p.users, p.key, p.clock, p.counters},
      judge_by(std::move(rules->judging), p.container_facts));
  p.observer->set_unowned_calls(p.config.calls.unowned);
  p.observer->set_ignored(p.config.calls.ignore);
  p.set_clusters();

  if (p.config.collector) {
    ExporterOptions options;
    const CollectorConfig& c = *p.config.collector;
    options.url = c.url;
    options.token_file = c.token_file;
    options.ca_file = c.ca_file;
    options.certificate_file = c.certificate_file;
    options.key_file = c.key_file;
    options.batch_records = c.batch_records;
    options.batch_bytes = c.batch_bytes;
    options.interval = c.interval;
    options.timeout = c.timeout;
    options.heartbeat = c.heartbeat;
    options.node_id = who.node_id;
    options.node = who.node;
    options.labels_json = wire_labels_json(who.labels);
    options.boot_id = who.boot_id;
    options.agent_version = PLUMBLINE_VERSION;
    options.dead_letter_file = p.config.state_dir + "/dead-letter.ndjson";
    options.health = [&state = p.state] { return state.health_json(); };
    p.exporter = std::make_unique<Exporter>(std::move(options), *p.spool, p.clock);
    if (!c.enrolment_token_file.empty())
      p.enrolment =
          std::make_unique<Enrolment>(EnrolmentOptions{c.url, c.ca_file, c.enrolment_token_file, own}, p.clock);
  }
  if (auto made = p.set_up_rollback(std::move(rules->rollback)); !made) return made.error();
  auto sources = status_sources(*p.spool, p.exporter.get());
  sources.extra_metrics = [others = std::move(sources.extra_metrics), healer = p.healer.get()] {
    return others() + metrics_text(healer->stats());
  };
  p.state.set_sources(std::move(sources));

  // The API first, so that probes have an answer ("not ready") while the first check runs.
  auto gate = access::Gate::make(api_policy_of(p.config), p.clock, tell_of_keys);
  if (!gate) return gate.error();
  p.gate = std::move(*gate);
  p.server.set_guard(p.gate->guard());
  add_api_routes(p.server, p.state, *p.gate);
  if (auto made = p.set_up_runs(who.boot_id); !made) return made.error();
  std::error_code ignored;  // listen_unix says it better
  std::filesystem::create_directories(std::filesystem::path(p.config.api_socket).parent_path(), ignored);
  if (auto bound = p.server.listen_unix(p.config.api_socket, 0660); !bound) return bound.error();
  if (p.config.api_listen != "off") {
    const auto address = split_address(p.config.api_listen);
    if (p.config.api_tls) {
      auto tls = http::ServerTls::load(*p.config.api_tls);
      if (!tls) return tls.error();
      p.api_tls = std::move(*tls);
    }
    const auto bound = p.api_tls ? p.server.listen_tls(address->first, address->second, p.api_tls)
                                 : p.server.listen_tcp(address->first, address->second);
    if (!bound) return bound.error();
  }
  p.state.beat(p.clock.boot());
  p.gate->start();
  p.server.start();
  if (auto started = p.observer->start(); !started) return started.error();
  if (p.enrolment) p.enrolment->start();
  if (p.exporter) p.exporter->start();
  return agent;
}

void Agent::Parts::wait_for_ring() {
  ring.async_wait(asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    observer->on_ring();
    wait_for_ring();
    wait_for_timer();
  });
}

void Agent::Parts::wait_for_mounts() {
  mounts.async_wait(asio::posix::stream_descriptor::wait_error, [this](const boost::system::error_code& error) {
    if (error) return;
    wait_for_mounts();
    wait_for_timer();
  });
  if (mount_table->moved()) observer->on_mounts_changed();
}

void Agent::Parts::wait_for_timer() {
  timer.expires_after(std::chrono::nanoseconds(observer->due_in_ns()));
  timer.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    tell_lost_calls();
    observer->on_timer();
    tell_service_manager("WATCHDOG=1");  // at least at every housekeeping: the loop turns
    take_calls();
    wait_for_timer();
  });
}

void Agent::Parts::wait_for_signal() {
  signals.async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    if (signal != SIGHUP) {
      spdlog::info("event=stopping signal={}", signal);
      io.stop();
      return;
    }
    reload();
    wait_for_signal();
  });
}

/// Baselines and rules are taken over without touching a hook; what needs a restart is said.
void Agent::Parts::reload() {
  auto fresh = load_agent_config(config_path);
  auto rules = fresh ? load_all_rules(fresh->rules) : Result<Rules>(fresh.error());
  if (!rules) {
    spdlog::error("event=reload_refused kept=old why=\"{}\"", rules.error().message());
    return;
  }
  if (auto fine = fetch::check_origins(fresh->baselines); !fine) {
    spdlog::error("event=reload_refused kept=old why=\"{}\"", fine.error().message());
    return;
  }
  observer->set_judge(judge_by(std::move(rules->judging), container_facts));
  observer->set_sources(sources_of(*fresh));
  config.rules = fresh->rules;
  config.rollback = fresh->rollback;
  set_rollback_rules(std::move(rules->rollback));
  config.baselines = fresh->baselines;
  start_fetching();
  if (handout) handout->refresh(true);
  set_states();
  const bool was_on = config.calls.enabled;
  config.calls = fresh->calls;
  observer->set_unowned_calls(config.calls.unowned);
  observer->set_ignored(config.calls.ignore);
  set_clusters();
  if (calls) calls->set_plain_urls(config.calls.plain_http);
  if (was_on != config.calls.enabled) start_calls();
  spdlog::info("event=reloaded baselines={} rules={} note=\"other keys take effect at the next start\"",
               config.baselines.size(), config.rules.size());
  wait_for_timer();
}

/// To the observing thread, whose loop outlives those who deliver.
std::function<void(fetch::Delivered)> Agent::Parts::delivery() {
  return [this](fetch::Delivered delivered) {
    asio::post(io, [this, delivered = std::make_shared<fetch::Delivered>(std::move(delivered))] {
      observer->take_fetched(*delivered->keeper, std::move(delivered->what), delivered->move, delivered->version);
      observer->answered(delivered->keeper->spec().name, delivered->began);
      wait_for_timer();
    });
  };
}

void Agent::Parts::start_fetching() {
  const auto keepers = observer->remote_keepers();
  if (keepers.empty() && !fetcher) return;
  if (!fetcher) {
    fetcher = std::make_unique<fetch::Fetcher>(delivery());
    observer->set_ask_again([this](const std::string& name, bool any) { fetcher->refresh(name, any); });
  }
  if (auto remotes =
          remotes_of(config, keepers, clock, fetcher->stopping(), container_facts.pods))  // origins were checked
    fetcher->set(std::move(*remotes));
}

void Agent::Parts::start_handout() {
  if (!handout) return;
  handout->start([this](Result<std::shared_ptr<const fetch::Handed>> handed) {
    asio::post(io, [this, handed = std::make_shared<Result<std::shared_ptr<const fetch::Handed>>>(std::move(handed))] {
      observer->take_handed(*handed);
      set_states();
      wait_for_timer();
    });
  });
}

int Agent::run() {
  Parts& p = *parts_;
  p.ring.assign(::fcntl(p.kernel->ring_fd(), F_DUPFD_CLOEXEC, 0));  // Asio and libbpf each close their own
  p.wait_for_ring();
  p.mounts.assign(::fcntl(p.mount_table->wake_fd(), F_DUPFD_CLOEXEC, 0));
  p.wait_for_mounts();
  p.wait_for_timer();
  p.wait_for_signal();
  p.observer->on_ring();  // what came in before we waited
  spdlog::info("event=ready socket={}", p.config.api_socket);
  tell_service_manager("READY=1");
  asio::post(p.io, [&p] { p.enricher->remember_running(); });  // after the hooks, the first check and the probes
  p.observer->set_load_aside([&p](std::shared_ptr<fetch::SourceKeeper> keeper, bool any_revision) {
    if (!p.loader) p.loader = std::make_unique<fetch::FileLoader>(p.delivery());
    p.loader->load(std::move(keeper), any_revision);
  });
  p.state.set_calls({}, "their programs are being loaded");
  p.start_fetching();
  p.start_handout();
  if (p.container_facts.services) p.container_facts.services->start();
  p.start_calls();
  p.io.run();
  tell_service_manager("STOPPING=1");
  p.gate->stop();
  p.server.stop();
  p.stop_calls("the agent stops");
  if (p.container_facts.services) p.container_facts.services->stop();
  if (p.handout) p.handout->stop();
  if (p.fetcher) p.fetcher->stop();
  if (p.loader) p.loader->stop();
  p.healer.reset();
  if (p.enrolment) p.enrolment->stop();
  if (p.exporter) p.exporter->stop();
  if (auto written = p.observer->checkpoint(); !written)
    spdlog::warn("event=checkpoint_failed why=\"{}\"", written.error().message());
  return 0;
}

}  // namespace plumbline::agent
