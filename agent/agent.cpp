#include "agent/agent.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <limits>

#include "agent/api/api.hpp"
#include "agent/blind_spots.hpp"
#include "agent/call_watch.hpp"
#include "agent/detect/judge.hpp"
#include "agent/export/exporter.hpp"
#include "agent/fetching.hpp"
#include "agent/identity.hpp"
#include "agent/kernel_facts.hpp"
#include "agent/observer.hpp"
#include "agent/seen_call.hpp"
#include "agent/source/mount_table.hpp"
#include "agent/spool_report.hpp"
#include "fetch/fetcher.hpp"
#include "fetch/file_loader.hpp"
#include "fetch/handout_client.hpp"
#include "fetch/make_origin.hpp"
#include "http/server.hpp"

namespace plumbline::agent {
namespace {

namespace asio = boost::asio;

Judge judge_by(std::vector<Rule> rules) {
  return [rules = std::move(rules)](wire::Finding& finding, bool sensitive, const std::string& run) {
    judge(rules, finding, sensitive, run);
  };
}

}  // namespace

struct Agent::Parts {
  Parts(AgentConfig c, std::string path, NodeIdentity identity, baseline::KeyedHash k)
      : config(std::move(c)),
        config_path(std::move(path)),
        key(std::move(k)),
        state(std::move(identity), counters, config.recent_findings) {}

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
  std::unique_ptr<Containers> containers;
  std::unique_ptr<Digests> digests;
  Users users;
  std::unique_ptr<Enricher> enricher;
  std::optional<baseline::KeyedHash> handout_key;
  std::unique_ptr<Observer> observer;
  std::unique_ptr<Exporter> exporter;
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

  std::unique_ptr<CallWatch> calls;  ///< nullptr: nobody watches; ends before what it posts to

  void start_calls();
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
  p.digests = std::make_unique<Digests>(opener(*p.kernel));
  p.enricher = std::make_unique<Enricher>(*p.processes, *p.containers, *p.digests, p.users, p.clock);
  auto handout = set_up_handout(p.config, p.handout_key, p.handout);
  if (!handout) return handout.error();
  p.observer = std::make_unique<Observer>(
      ObserverOptions{who, p.config.state_dir, sources_of(p.config), p.config.max_file_bytes,
                      std::chrono::nanoseconds(p.config.rescan_interval).count(), std::move(*handout),
                      std::chrono::nanoseconds(p.config.pending_grace).count(), !p.config.collector.has_value()},
      ObserverParts{*p.kernel, *p.enricher, *p.containers, *p.spool, p.state, p.users, p.key, p.clock, p.counters},
      judge_by(std::move(*rules)));
  p.observer->set_unowned_calls(p.config.calls.unowned);

  if (p.config.collector) {
    ExporterOptions options;
    const CollectorConfig& c = *p.config.collector;
    options.url = c.url;
    options.token_file = c.token_file;
    options.ca_file = c.ca_file;
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
  }
  p.state.set_sources(status_sources(*p.spool, p.exporter.get()));

  // The API first, so that probes have an answer ("not ready") while the first check runs.
  add_api_routes(p.server, p.state);
  std::error_code ignored;  // listen_unix says it better
  std::filesystem::create_directories(std::filesystem::path(p.config.api_socket).parent_path(), ignored);
  if (auto bound = p.server.listen_unix(p.config.api_socket, 0660); !bound) return bound.error();
  if (p.config.api_listen != "off") {
    const auto address = split_address(p.config.api_listen);
    if (auto bound = p.server.listen_tcp(address->first, address->second); !bound) return bound.error();
  }
  p.state.beat(p.clock.boot());
  p.server.start();
  if (auto started = p.observer->start(); !started) return started.error();
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
  auto rules = fresh ? load_all_rules(fresh->rules) : Result<std::vector<Rule>>(fresh.error());
  if (!rules) {
    spdlog::error("event=reload_refused kept=old why=\"{}\"", rules.error().message());
    return;
  }
  if (auto fine = fetch::check_origins(fresh->baselines); !fine) {
    spdlog::error("event=reload_refused kept=old why=\"{}\"", fine.error().message());
    return;
  }
  observer->set_judge(judge_by(std::move(*rules)));
  observer->set_sources(sources_of(*fresh));
  config.rules = fresh->rules;
  config.baselines = fresh->baselines;
  start_fetching();
  if (handout) handout->refresh(true);
  if (calls) calls->set_states(std::make_shared<fetch::StateRequests>(config.baselines));
  const bool was_on = config.calls.enabled;
  config.calls = fresh->calls;
  observer->set_unowned_calls(config.calls.unowned);
  if (calls) calls->set_plain_urls(config.calls.plain_http);
  if (was_on && !config.calls.enabled) stop_calls("calls.enabled is false");
  if (!was_on && config.calls.enabled) start_calls();
  spdlog::info("event=reloaded baselines={} rules={} note=\"other keys take effect at the next start\"",
               config.baselines.size(), config.rules.size());
  wait_for_timer();
}

/// What cannot be watched is told; files are watched all the same.
void Agent::Parts::start_calls() {
  if (!config.calls.enabled) return stop_calls("calls.enabled is false");
  CallWatch::Options options;
  options.capture.processes_fd = kernel->processes_fd();
  options.files.max_hooked = config.calls.max_files;
  options.plain.urls = config.calls.plain_http;
  options.scanner.folders = config.calls.folders.empty() ? TlsScanner::usual_folders() : config.calls.folders;
  std::vector<const baseline::KeyedHash*> keys = {&key};
  if (handout_key) keys.push_back(&*handout_key);
  options.prints = std::make_shared<cloud::SecretPrints>(keys);
  options.connections.limits.head_bytes = std::size_t{16} * 1024;  // as much as is captured of one call
  options.connections.limits.table_bytes = std::size_t{16} * 1024;
  options.connections.limits.total_bytes = std::size_t{16} * 1024 * 1024;
  auto opened = CallWatch::open(std::move(options), clock);
  if (!opened) {
    spdlog::error("event=calls_not_watched why=\"{}\"", opened.error().message());
    return stop_calls(opened.error().message());
  }
  calls = std::move(*opened);
  calls->set_states(std::make_shared<fetch::StateRequests>(config.baselines));
  calls->start([this] { asio::post(io, [this] { take_calls(); }); });
  state.set_calls(
      {[watch = calls.get()] { return watch->status_json(); }, [watch = calls.get()] { return watch->metrics_text(); },
       [watch = calls.get()] { return watch->blind_spots(); }},
      "");
  observer->calls_watched(true);
  spdlog::info("event=calls_watched");
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
  for (int taken = 0; calls;) {
    observer->on_ring();  // the record of a new container's cgroup wakes nobody, and its first call names it
    if (!observer->can_take_call() || !calls->take(call)) return;
    observer->take_call(seen_call_of(call));
    if (++taken >= most || (most == calls_a_turn && clock.boot() > until)) {
      if (!std::exchange(calls_posted, true))
        asio::post(io, [this] {
          calls_posted = false;
          take_calls();
        });
      return;
    }
  }
}

void Agent::Parts::tell_lost_calls() {
  if (!calls) return;
  const auto lost = calls->take_lost();
  observer->calls_lost(lost.pieces, lost.from, lost.until);
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
  if (auto remotes = remotes_of(config, keepers, clock, fetcher->stopping()))  // origins were checked
    fetcher->set(std::move(*remotes));
}

void Agent::Parts::start_handout() {
  if (!handout) return;
  handout->start([this](Result<std::shared_ptr<const fetch::Handed>> handed) {
    asio::post(io, [this, handed = std::make_shared<Result<std::shared_ptr<const fetch::Handed>>>(std::move(handed))] {
      observer->take_handed(*handed);
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
  asio::post(p.io, [&p] { p.enricher->remember_running(); });  // after the hooks, the first check and the probes
  p.observer->set_load_aside([&p](std::shared_ptr<fetch::SourceKeeper> keeper, bool any_revision) {
    if (!p.loader) p.loader = std::make_unique<fetch::FileLoader>(p.delivery());
    p.loader->load(std::move(keeper), any_revision);
  });
  p.start_fetching();
  p.start_handout();
  p.start_calls();
  p.io.run();
  p.server.stop();
  p.stop_calls("the agent stops");
  if (p.handout) p.handout->stop();
  if (p.fetcher) p.fetcher->stop();
  if (p.loader) p.loader->stop();
  if (p.exporter) p.exporter->stop();
  if (auto written = p.observer->checkpoint(); !written)
    spdlog::warn("event=checkpoint_failed why=\"{}\"", written.error().message());
  return 0;
}

}  // namespace plumbline::agent
