#include "collector/collector.hpp"

#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <random>
#include <vector>

#include "access/own_certificate.hpp"
#include "collector/api/api.hpp"
#include "collector/api/health.hpp"
#include "collector/config/sink_keys.hpp"
#include "collector/forward/forwarder.hpp"
#include "collector/forward/http_poster.hpp"
#include "collector/ingest/ingest.hpp"
#include "collector/ingest/retention.hpp"
#include "collector/ingest/revocations.hpp"
#include "collector/ingest/silence.hpp"
#include "collector/keys/shared_keys.hpp"
#include "collector/make_sink.hpp"
#include "collector/store/postgres_store.hpp"
#include "collector/store/sqlite_store.hpp"
#include "collector/telemetry/log.hpp"
#include "fetch/make_origin.hpp"
#include "fetch/web.hpp"
#include "http/server.hpp"

namespace plumbline::collector {
namespace {

Result<std::unique_ptr<access::Gate>> make_gate(const CollectorConfig& config, const Clock& clock) {
  return access::Gate::make(policy_of(config), clock, [](const access::TokenKeyring::Row& row) {
    if (row.why.empty())
      log(LogLevel::info, "keys of tokens were read", {{"from", row.from}, {"keys", std::to_string(row.keys)}});
    else
      log(LogLevel::warning, "keys of tokens were not read", {{"from", row.from}, {"why", row.why}});
  });
}

/// With what the configuration leaves out. nullopt: the certificate is somebody else's to make.
Result<std::optional<access::OwnCertificateConfig>> own_certificate_of(const CollectorConfig& config) {
  if (!config.own_certificate) return std::optional<access::OwnCertificateConfig>();
  auto own = *config.own_certificate;
  if (own.folder.empty()) own.folder = (std::filesystem::path(config.sqlite_path).parent_path() / "tls").string();
  if (!config.keys_dir.empty()) {
    const auto files = shared_authority(config.keys_dir, access::AuthorityOf::server);
    own.authority_key = files.key;
    own.authority_certificate = files.certificate;
  }
  if (own.config_map.empty()) return std::optional(std::move(own));
  auto api = fetch::find_kubernetes_api(std::move(own.api));
  if (!api) return fetch::within("find the cluster of tls.own.config_map", api.error());
  own.api = std::move(*api);
  return std::optional(std::move(own));
}

/// nullptr: the certificate is somebody else's to make.
Result<std::unique_ptr<access::OwnCertificate>> open_own_certificate(const CollectorConfig& config,
                                                                     const Clock& clock) {
  auto own = own_certificate_of(config);
  if (!own) return own.error();
  if (!*own) return nullptr;
  return access::OwnCertificate::open(std::move(**own), clock, [](const access::OwnCertificate::State& state) {
    if (state.trouble.empty())
      log(LogLevel::info, "certificate of our own", {{"renewals", std::to_string(state.renewals)}});
    else
      log(LogLevel::warning, "certificate of our own", {{"why", state.trouble}});
  });
}

/// nullptr: in clear. `nodes`: who signs certificates of nodes that enrol, where any do.
Result<std::shared_ptr<http::ServerTls>> load_tls(const CollectorConfig& config, const access::Authority* nodes,
                                                  const access::OwnCertificate* own) {
  if (!config.tls) return nullptr;
  http::TlsFiles files = *config.tls;
  if (own != nullptr) {
    files.certificate_file = own->certificate_file();
    files.key_file = own->key_file();
  }
  if (nodes != nullptr) files.own_ca_file = nodes->ca_file();
  return http::ServerTls::load(std::move(files));
}

/// nullptr: nobody enrols here.
Result<std::unique_ptr<access::Authority>> open_authority(const CollectorConfig& config) {
  if (!config.agents.enrolment) return nullptr;
  using access::Authority;
  constexpr auto nodes = access::AuthorityOf::nodes;
  if (!config.keys_dir.empty()) return Authority::read(shared_authority(config.keys_dir, nodes), nodes);
  return Authority::open((std::filesystem::path(config.sqlite_path).parent_path() / "enrolment").string(), nodes);
}

/// What of keys_dir is used; empty without one.
Result<KeyFingerprints> keys_of(const CollectorConfig& config) {
  if (config.keys_dir.empty()) return KeyFingerprints();
  return fingerprints_of(config.keys_dir, {config.agents.enrolment.has_value(), config.own_certificate.has_value(),
                                           !config.baselines.empty()});
}

Result<std::unique_ptr<Store>> open_store(const CollectorConfig& config, KeyFingerprints keys) {
  if (config.postgres)
    return open_postgres_store({.target = *config.postgres, .retention = config.retention, .keys = std::move(keys)});
  return open_sqlite_store({.path = config.sqlite_path});
}

/// What can be told of the store without opening it, which would make it.
Result<void> check_store(const CollectorConfig& config) {
  std::error_code ignored;
  if (config.postgres) {
    const std::string& path = config.postgres->password_file;
    if (path.empty()) return {};
    if (const auto password = read_secret_file(path); !password) return password.error();
    return {};
  }
  if (std::filesystem::is_directory(config.sqlite_path, ignored))
    return invalid("use the store " + config.sqlite_path, "it is a folder", "set store.sqlite to a file in it");
  const auto directory = std::filesystem::path(config.sqlite_path).parent_path();
  if (std::filesystem::exists(directory, ignored) && !std::filesystem::is_directory(directory, ignored))
    return invalid("use the store's directory " + directory.string(), "it is not a directory",
                   "set store.sqlite to a file in one");
  return {};
}

/// Made where it is missing, for the collector alone, as the agent makes its state directory.
Result<void> make_store_directory(const std::string& store) {
  const auto directory = std::filesystem::path(store).parent_path();
  if (directory.empty()) return {};
  std::error_code ignored;  // what is still missing, mkdir() says
  std::filesystem::create_directories(directory.parent_path(), ignored);
  struct stat status{};
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return io_error("make the store's directory " + directory.string(), errno,
                    "make it, writable for the collector, or set store.sqlite");
  if (::stat(directory.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return {};
  return invalid("use the store's directory " + directory.string(), "it is not a directory",
                 "set store.sqlite to a file in one");
}

std::string shelf_folder(const CollectorConfig& config) {
  if (!config.baselines_dir.empty() || config.postgres) return config.baselines_dir;
  return (std::filesystem::path(config.sqlite_path).parent_path() / "baselines").string();
}

std::function<double()> random_source() {
  auto engine = std::make_shared<std::mt19937_64>(std::random_device{}());
  return [engine] { return std::uniform_real_distribution<double>(0, 1)(*engine); };
}

std::vector<std::string> names_of(const std::vector<SinkConfig>& sinks) {
  std::vector<std::string> names;
  for (const auto& sink : sinks) names.push_back(sink.name);
  return names;
}

http::ServerOptions server_options(const CollectorConfig& config) {
  http::ServerOptions options;
  options.threads = 2;  // unpacking a batch on one, so that others need not wait for it
  options.max_connections = config.max_connections;
  return options;
}

}  // namespace

// In the order of their needs: each part may use those above it, and ends before them.
struct Collector::Parts {
  Parts(const CollectorConfig& config, const Clock& clock, std::unique_ptr<Store> opened,
        std::unique_ptr<access::Gate> made)
      : watchdog(std::make_shared<Watchdog>()),
        store(std::move(opened)),
        gate(std::move(made)),
        ingest(*store, clock, config.limits, *gate),
        silence(*store, clock, config.silence_after),
        revocations(*store, *gate),
        retention(*store, clock, config.retention, names_of(config.sinks)),
        server(server_options(config)) {}

  std::shared_ptr<Watchdog> watchdog;
  std::unique_ptr<Store> store;
  std::unique_ptr<access::Gate> gate;
  std::unique_ptr<access::OwnCertificate> own_certificate;  ///< nullptr: somebody else's to make
  std::shared_ptr<http::ServerTls> tls;                     ///< nullptr: in clear
  std::unique_ptr<EnrolmentParts> enrolment;                ///< nullptr: nobody enrols here
  Ingest ingest;
  std::vector<std::unique_ptr<Forwarder>> sinks;
  SilenceWatch silence;
  RevocationWatch revocations;
  RetentionKeeper retention;
  std::unique_ptr<Shelf> shelf;  ///< nullptr: no baselines are handed out
  std::atomic<bool> draining = false;
  QueryPool queries;
  http::Server server;
  std::uint16_t port = 0;
};

Collector::Collector(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Result<void> Collector::check(const CollectorConfig& config, const Clock& clock) {
  if (const auto gate = make_gate(config, clock); !gate) return gate.error();
  if (const auto store = check_store(config); !store) return store.error();
  if (const auto own = own_certificate_of(config); !own) return own.error();
  if (const auto keys = keys_of(config); !keys) return keys.error();
  if (!config.own_certificate)
    if (const auto tls = load_tls(config, nullptr, nullptr); !tls) return tls.error();
  for (const auto& entry : config.baselines)
    if (const auto fine = fetch::check_origins(std::span(&entry.source, 1)); !fine) return fine.error();
  const auto watchdog = std::make_shared<Watchdog>();
  for (const SinkConfig& sink_config : config.sinks)
    if (const auto sink = make_sink(sink_config, nullptr, watchdog, clock); !sink) return sink.error();
  return {};
}

Result<void> Collector::adopt_keys(const CollectorConfig& config) {
  if (config.keys_dir.empty()) return invalid("adopt keys", "the configuration names no keys_dir", "");
  const auto keys = keys_of(config);
  if (!keys) return keys.error();
  return collector::adopt_keys(*config.postgres, *keys);
}

Result<std::unique_ptr<Collector>> Collector::build(const CollectorConfig& config, const Clock& clock) {
  auto gate = make_gate(config, clock);
  if (!gate) return gate.error();
  auto keys = keys_of(config);  // first, as what is wrong with them is told best here
  if (!keys) return keys.error();
  if (!config.postgres)
    if (const auto made = make_store_directory(config.sqlite_path); !made) return made.error();
  auto authority = open_authority(config);
  if (!authority) return authority.error();
  auto own_certificate = open_own_certificate(config, clock);
  if (!own_certificate) return own_certificate.error();
  auto tls = load_tls(config, authority->get(), own_certificate->get());
  if (!tls) return tls.error();
  auto store = open_store(config, std::move(*keys));
  if (!store) return store.error();
  auto parts = std::make_unique<Parts>(config, clock, std::move(*store), std::move(*gate));
  parts->own_certificate = std::move(*own_certificate);
  parts->tls = std::move(*tls);
  if (*authority)
    parts->enrolment = std::make_unique<EnrolmentParts>(
        std::move(*authority),
        std::chrono::duration_cast<std::chrono::seconds>(config.agents.enrolment->certificate_lasts), *parts->store,
        clock);
  if (const auto loaded = parts->ingest.load(); !loaded) return loaded.error();
  if (const auto applied = apply_revocations(*parts->store, *parts->gate); !applied) return applied.error();
  // Whoever was handed something is told that it is nothing now, too.
  if (const auto folder = shelf_folder(config);
      !config.baselines.empty() || (!folder.empty() && std::filesystem::exists(folder + "/node.key"))) {
    const auto its_keys = config.keys_dir.empty() ? make_shelf_keys(folder) : read_shelf_keys(config.keys_dir);
    if (!its_keys) return its_keys.error();
    auto shelf = Shelf::open(folder, *its_keys, config.baselines, *parts->store, clock);
    if (!shelf) return shelf.error();
    parts->shelf = std::move(*shelf);
  }

  for (const SinkConfig& sink_config : config.sinks) {
    auto sink = make_sink(sink_config, parts->store.get(), parts->watchdog, clock);
    if (!sink) return sink.error();
    ForwarderOptions options;
    options.name = sink_config.name;
    options.kind = sink_config.kind;
    options.rate_limit = sink_config.rate_limit;
    options.include_matches = sink_config.include_matches;
    options.heeds_silences = is_for_people(sink_config.kind);
    options.from_now = sink_config.start == "now";
    options.random = random_source();
    parts->sinks.push_back(std::make_unique<Forwarder>(std::move(options), std::move(*sink), *parts->store, clock));
  }

  add_routes(parts->server, std::make_shared<const ApiParts>(ApiParts{
                                *parts->store, parts->ingest, *parts->gate, parts->shelf.get(), parts->queries,
                                parts->sinks, parts->server, clock, clock.wall(), config.silence_after, parts->draining,
                                parts->tls.get(), parts->enrolment.get(), parts->own_certificate.get()}));
  parts->server.set_guard(parts->gate->guard());
  const auto port = parts->tls ? parts->server.listen_tls(config.host, config.port, parts->tls)
                               : parts->server.listen_tcp(config.host, config.port);
  if (!port) return port.error();
  parts->port = *port;
  for (const auto& sink : parts->sinks) sink->start();
  parts->silence.start();
  parts->revocations.start();
  parts->retention.start();
  if (parts->shelf) parts->shelf->start();
  parts->gate->start();
  if (parts->own_certificate) parts->own_certificate->start();
  parts->server.start();
  return std::unique_ptr<Collector>(new Collector(std::move(parts)));
}

Collector::~Collector() {
  parts_->draining = true;
  parts_->gate->stop();
  if (parts_->own_certificate) parts_->own_certificate->stop();
  parts_->server.stop();
  parts_->queries.stop();
  parts_->silence.stop();
  parts_->revocations.stop();
  parts_->retention.stop();
  if (parts_->shelf) parts_->shelf->stop();
  for (const auto& sink : parts_->sinks) sink->stop();
  parts_->store->stop();
}

void Collector::reload() {
  if (parts_->shelf) parts_->shelf->reload();
}

bool Collector::live() const {
  return is_live(parts_->store->stats());
}

std::uint16_t Collector::port() const {
  return parts_->port;
}

}  // namespace plumbline::collector
