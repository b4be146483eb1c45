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

constexpr std::chrono::milliseconds shortest_silence{1000};

/// "host:port" or "[v6]:port", loopback only.
void read_listen(Map& map, CollectorConfig& out) {
  std::string listen = out.host + ":" + std::to_string(out.port);
  map.read("listen", listen, "address and port of the API, loopback only (TLS and identity come with a later version)");
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
  if (!is_loopback(host))
    map.refuse("listen",
               "`" + config::shown(host) +
                   "` can be reached from other machines, and this version has neither TLS nor identity of agents",
               "listen on 127.0.0.1 and put a proxy with mutual TLS before it, or a tunnel");
  out.host = host;
  out.port = static_cast<std::uint16_t>(port);
}

void positive(const Map& map, const std::string& key, std::chrono::milliseconds value,
              std::chrono::milliseconds least) {
  if (!map.describing() && value < least)
    map.refuse(key, "it is shorter than " + std::to_string(least.count()) + "ms", "");
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

void bind(Map& map, CollectorConfig& out) {
  read_listen(map, out);
  map.object("store", "where the ledger is kept", [&](Map& store) {
    store.read("sqlite", out.sqlite_path, "path of the SQLite file; its directory is made where it is missing");
    if (!store.describing() && out.sqlite_path.empty()) store.refuse("sqlite", "the path is empty", "");
  });
  map.read("token_file", out.token_file, "file with the bearer token that agents must send; without it: none");
  map.read("silence_after", out.silence_after, "an agent not heard for so long is reported silent (three heartbeats)");
  positive(map, "silence_after", out.silence_after, shortest_silence);
  map.object("limits", "bounds of the API", [&](Map& limits) {
    limits.read("max_connections", out.max_connections, "connections at once; past it 503");
    Bytes body{out.limits.max_body_bytes};
    Bytes text{out.limits.max_text_bytes};
    limits.read("max_body_bytes", body, "of one batch as sent; past it 413");
    limits.read("max_text_bytes", text, "of one batch decompressed; past it 413");
    out.limits.max_body_bytes = body.value;
    out.limits.max_text_bytes = text.value;
    std::uint64_t records = out.limits.max_records;
    limits.read("max_records", records, "of one batch; past it 413");
    out.limits.max_records = records;
    if (limits.describing()) return;
    if (out.max_connections == 0) limits.refuse("max_connections", "it is 0", "");
    if (records == 0) limits.refuse("max_records", "it is 0", "");
  });
  map.object("log", "the collector's own log", [&](Map& log) {
    log.read_word("level", out.log_level, {"debug", "info", "warning", "error"}, "lines below it are not written");
  });
  map.read("baselines_dir", out.baselines_dir, "keys and indexes of `baselines`; default: baselines/ beside the store");
  if (!out.baselines_dir.empty()) map.require_absolute("baselines_dir", out.baselines_dir);
  map.list("baselines", "sources that are compiled here and handed to nodes",
           [&](Map& baseline) { read_baseline(baseline, out.baselines); });
  std::set<std::string> names;
  map.list("sinks", "destinations of the ledger's records",
           [&](Map& sink) { read_sink_config(sink, out.sinks, names); });
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

std::string collector_config_schema() {
  CollectorConfig defaults;
  return config::schema_of("Plumbline collector configuration", [&](Map& map) { bind(map, defaults); });
}

}  // namespace plumbline::collector
