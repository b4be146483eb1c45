#include "collector/config/collector_config.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "baseline/kubelet.hpp"
#include "baseline/path_glob.hpp"
#include "include/config/strict_yaml.hpp"
#include "include/util/loopback.hpp"

namespace plumbline::collector {
namespace {

using config::Bytes;
using config::Map;

/// "host:port" or "[v6]:port".
void read_listen(Map& map, CollectorConfig& out) {
  std::string listen = out.host + ":" + std::to_string(out.port);
  map.read("listen", listen, "address and port of the API; beyond loopback only with `tls` and identities");
  if (map.describing()) return;
  const auto colon = listen.rfind(':');
  if (colon == std::string::npos) map.refuse("listen", "it has no port", "write 127.0.0.1:9650");
  std::string host = listen.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  std::uint32_t port = 0;
  const char* const end = listen.data() + listen.size();
  const auto [last, error] = std::from_chars(listen.data() + colon + 1, end, port);
  if (error != std::errc() || last != end || port > 65535)
    map.refuse("listen", "`" + config::shown(listen.substr(colon + 1)) + "` is not a port", "write 127.0.0.1:9650");
  out.host = host;
  out.port = static_cast<std::uint16_t>(port);
}

void read_baseline(Map& map, std::vector<ShelfSource>& out) {
  ShelfSource entry;
  std::vector<fetch::SourceConfig> named;
  for (const auto& other : out) named.push_back(other.source);
  map.read("nodes", entry.nodes,
           "names of the nodes that get it, * and ? stand for what they do in file names; default: all");
  map.read("node_by_file", entry.node_by_file, "each match of a pattern is of the node that its file is named after");
  fetch::read_source_config(map, named);
  if (map.describing()) return;
  entry.source = std::move(named.back());
  const bool local = !baseline::is_location(entry.source.path);
  if (entry.source.location == baseline::pods_location)
    map.refuse(entry.source.kind, "the pods of a node are read by the node",
               "put this baseline into agent.yaml, and take it out here");
  if (entry.node_by_file && (!local || !baseline::is_pattern(entry.source.path)))
    map.refuse("node_by_file", "is for a pattern of paths, such as /srv/ansible/*.json", "name the `nodes` instead");
  if (map.has("nodes") && (entry.nodes.empty() || std::count(entry.nodes.begin(), entry.nodes.end(), "") > 0))
    map.refuse("nodes", "names no node", "take it out where all nodes are meant, or take the baseline out");
  if (entry.node_by_file && !entry.nodes.empty())
    map.refuse("nodes", "contradicts `node_by_file`", "give one of the two");
  out.push_back(std::move(entry));
}

void read_store(Map& store, CollectorConfig& out) {
  store.read("sqlite", out.sqlite_path, "path of the SQLite file; its directory is made where it is missing");
  std::optional<std::string> uri;
  PostgresTarget target;
  store.read("postgres", uri, "URI of a PostgreSQL database, for collectors that share a ledger; without a password");
  store.read("password_file", target.password_file, "the password of `postgres`; default: libpq's own ways");
  store.read("retention", out.retention,
             "rows of the ledger that are older are removed, but for drift that is open; default: none are",
             {.least = std::chrono::hours(1)});
  if (store.describing()) return;
  if (out.sqlite_path.empty()) store.refuse("sqlite", "the path is empty", "");
  if (!target.password_file.empty()) store.require_absolute("password_file", target.password_file);
  if (!uri) {
    if (store.has("password_file")) store.refuse("password_file", "is for `postgres`, which is not given", "");
    return;
  }
  if (store.has("sqlite")) store.refuse("postgres", "contradicts `sqlite`", "give one of the two");
  target.uri = *uri;
  if (const auto fine = check_target(target); !fine) store.refuse("postgres", fine.error().why, fine.error().fix);
  out.postgres = std::move(target);
}

/// Nothing is open beyond this machine by mistake.
void check_door(const Map& map, const CollectorConfig& out) {
  const bool takes_certificates = policy_of(out).takes_certificates;
  if (out.agents.enrolment && !out.tls)
    map.refuse("agents", "`enrolment` gives certificates, and there is no `tls` to show them by",
               "give `tls` a certificate_file and its key_file");
  for (const auto& rule : out.access)
    if (!rule.certificates.empty() && !takes_certificates)
      map.refuse("access", "`" + config::shown(rule.name) + "` is for clients' certificates, and none are asked for",
                 "name who signs them in tls.client_ca_file");
  if (!out.keys_dir.empty() && !out.postgres)
    map.refuse("keys_dir", "is for collectors that share a PostgreSQL, and `store.postgres` is not given",
               "take it out: this one keeps its keys beside its store");
  const bool is_without_keys = out.postgres && out.keys_dir.empty();
  constexpr const char* name_keys =
      "name a folder in keys_dir, with the same files for all collectors of this store: plumbline-collector "
      "--make-keys "
      "FOLDER makes them";
  if (is_without_keys && out.agents.enrolment)
    map.refuse("agents", "`enrolment` signs by an authority, which collectors that share a PostgreSQL have in common",
               name_keys);
  if (is_without_keys && !out.baselines.empty())
    map.refuse("baselines", "collectors that share a PostgreSQL sign them by a key that they have in common",
               name_keys);
  if (out.postgres && !out.baselines.empty() && out.baselines_dir.empty())
    map.refuse("baselines", "there is no SQLite file to keep them beside",
               "name a folder of this collector's own in "
               "baselines_dir");
  if (is_loopback(out.host)) return;
  const std::string open = "`" + config::shown(out.host) + "` can be reached from other machines, and ";
  if (!out.tls)
    map.refuse("listen", open + "there is no `tls`",
               "give `tls` a certificate_file and its key_file, or listen on 127.0.0.1 behind a tunnel");
  if (!out.agents.token_file.empty())
    map.refuse("token_file", open + "one token for all nodes tells none of them apart: any could report as another",
               "give each node a certificate and name who signs them in tls.client_ca_file, or in Kubernetes use "
               "agents.kubernetes");
  if (!takes_certificates && !out.agents.kubernetes)
    map.refuse("listen", open + "no agent could show whose node it is of",
               "name who signs the nodes' certificates in tls.client_ca_file, give them out by agents.enrolment, or in "
               "Kubernetes use agents.kubernetes");
}

void bind(Map& map, CollectorConfig& out) {
  read_listen(map, out);
  access::read_tls(map, out.tls, &out.own_certificate);
  map.object("agents", "how agents show whose node they are of; a certificate of tls.client_ca_file always does",
             [&](Map& agents) {
               access::read_agents_kubernetes(agents, out.agents.kubernetes);
               access::read_enrolment(agents, out.agents.enrolment);
             });
  access::read_rules(map, out.access);
  map.object("store", "where the ledger is kept", [&](Map& store) { read_store(store, out); });
  map.read("token_file", out.agents.token_file, "one bearer token for all agents, on loopback alone; default: none");
  map.read("silence_after", out.silence_after, "an agent not heard for so long is reported silent (three heartbeats)",
           {.least = std::chrono::seconds(1)});
  map.object("limits", "bounds of the API", [&](Map& limits) {
    limits.read("max_connections", out.max_connections, "connections at once; past it 503", {.least = 1});
    Bytes body{out.limits.max_body_bytes};
    Bytes text{out.limits.max_text_bytes};
    limits.read("max_body_bytes", body, "of one batch as sent; past it 413");
    limits.read("max_text_bytes", text, "of one batch decompressed; past it 413");
    out.limits.max_body_bytes = body.value;
    out.limits.max_text_bytes = text.value;
    std::uint64_t records = out.limits.max_records;
    limits.read("max_records", records, "of one batch; past it 413", {.least = 1});
    out.limits.max_records = records;
  });
  map.object("log", "the collector's own log", [&](Map& log) {
    log.read_word("level", out.log_level, {"debug", "info", "warning", "error"}, "lines below it are not written");
  });
  map.read(
      "keys_dir", out.keys_dir,
      "keys that collectors of one PostgreSQL share (--make-keys makes them), of enrolment, tls.own and baselines");
  if (!out.keys_dir.empty()) map.require_absolute("keys_dir", out.keys_dir);
  map.read("baselines_dir", out.baselines_dir,
           "indexes of `baselines`, and their keys without keys_dir; default: baselines/ beside the store");
  if (!out.baselines_dir.empty()) map.require_absolute("baselines_dir", out.baselines_dir);
  map.list("baselines", "sources that are compiled here and handed to nodes",
           [&](Map& baseline) { read_baseline(baseline, out.baselines); });
  std::set<std::string> names;
  map.list("sinks", "destinations of the ledger's records",
           [&](Map& sink) { read_sink_config(sink, out.sinks, names); });
  if (!map.describing()) check_door(map, out);
}

}  // namespace

Result<CollectorConfig> load_collector_config(const std::string& path) {
  CollectorConfig config;
  const auto read = config::read_file(path, [&](Map& map) { bind(map, config); });
  if (!read) return read.error();
  return config;
}

Result<CollectorConfig> parse_collector_config(const std::string& origin, const std::string& text) {
  CollectorConfig config;
  const auto read = config::read_text(origin, text, [&](Map& map) { bind(map, config); });
  if (!read) return read.error();
  return config;
}

access::Policy policy_of(const CollectorConfig& config) {
  access::Policy policy;
  policy.people = config.access;
  policy.agents = config.agents;
  policy.takes_certificates = config.tls && (!config.tls->client_ca_file.empty() || config.agents.enrolment);
  const bool is_closed = is_loopback(config.host);
  policy.asks_people = !is_closed || !config.access.empty();
  policy.asks_agents =
      !is_closed || policy.takes_certificates || !config.agents.token_file.empty() || config.agents.kubernetes;
  return policy;
}

std::string collector_config_schema() {
  CollectorConfig defaults;
  return config::schema_of("Plumbline collector configuration", [&](Map& map) { bind(map, defaults); });
}

}  // namespace plumbline::collector
