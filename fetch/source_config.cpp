#include "fetch/source_config.hpp"

#include <algorithm>
#include <cctype>

#include "baseline/baseline.hpp"
#include "baseline/kinds.hpp"
#include "baseline/kubelet.hpp"
#include "baseline/path_glob.hpp"
#include "http/url.hpp"

namespace plumbline::fetch {
namespace {

using config::Map;

bool is_name(std::string_view text) {
  const auto fine = [](char ch) {
    return (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '.' || ch == '_' || ch == '-';
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), fine) &&
         std::isalnum(static_cast<unsigned char>(text[0])) != 0;
}

/// A state that is merely kept in a cluster may describe another one.
std::string cluster_of(const SourceConfig& config) {
  if (!config.cluster.empty()) return config.cluster;
  const bool is_of_its_server =
      (config.kind == "kubernetes" || config.kind == "helm") && config.path.starts_with("kubernetes://");
  if (!is_of_its_server) return "";
  if (config.endpoint.empty()) return std::string(baseline::in_cluster);
  const auto server = http::parse_url("read `endpoint`", config.endpoint);
  return server ? server->origin : "";
}

void check_source(Map& map, SourceConfig& baseline, std::size_t sources) {
  if (sources + (baseline.command.empty() ? 0 : 1) != 1)
    map.refuse("", "a baseline names exactly one source",
               "give it one of " + baseline::kind_names() + ", or `command` and `gives`");
  if (!baseline.command.empty()) {
    if (baseline::find_kind(baseline.kind) == nullptr)
      map.refuse("gives", "is no kind of source", "use one of " + baseline::kind_names());
    map.require_absolute("command", baseline.command[0]);
    baseline.path = "command://" + baseline.command[0].substr(baseline.command[0].rfind('/') + 1);
  } else if (!baseline::is_location(baseline.path)) {
    map.require_absolute(baseline.kind, baseline.path);
    if (baseline::is_pattern(baseline.path) && baseline.path.find("**") != std::string::npos)
      map.refuse(baseline.kind, "has a **, and a wildcard here matches no '/'",
                 "write a pattern for each depth: */*.tf");
    if (const auto open = baseline.path.rfind('['); open != std::string::npos &&
                                                    (open == 0 || baseline.path[open - 1] != '\\') &&
                                                    baseline.path.find(']', open) == std::string::npos)
      map.refuse(baseline.kind, "has a [ without its ]", "close it, or write \\[ for the character itself");
  }
  if (!baseline::is_location(baseline.path) && baseline.interval != SourceConfig().interval)
    map.refuse("interval", "is for a location: a path of this node is watched, and read when it changes",
               "take it out");
  if (!baseline::is_location(baseline.path))
    for (const auto& [key, value] : {std::pair<const char*, const std::string&>{"endpoint", baseline.endpoint},
                                     {"region", baseline.region},
                                     {"credentials_file", baseline.credentials_file},
                                     {"token_file", baseline.token_file},
                                     {"ca_file", baseline.ca_file}})
      if (!value.empty())
        map.refuse(key, "is for a location, and " + config::shown(baseline.path) + " is a path of this node",
                   "take it out, or write a location such as s3://BUCKET/KEY");
  if (baseline.location == baseline::pods_location && baseline.kind != "kubernetes")
    map.refuse(baseline.kind, "is no kind of what the pods of a node are", "write kubernetes: \"kubernetes:///pods\"");
  if (!baseline.node_name.empty() && baseline.location != baseline::pods_location)
    map.refuse("node_name", "is for the pods of a node", "take it out, or write kubernetes: \"kubernetes:///pods\"");
  if (!baseline.cluster.empty() && !is_name(baseline.cluster))
    map.refuse("cluster", "must be lower-case letters, digits, '.', '_' and '-', and begin with a letter or digit",
               "name it, and its servers in calls.clusters of agent.yaml; `in-cluster` is the agent's own");
  if (const auto* kind = baseline::find_kind(baseline.kind); !baseline.cluster.empty() && !kind->is_of_apis)
    map.refuse("cluster", "is for sources whose resources calls change");
  if (baseline.kind != "kubernetes" && baseline.kubelet_dir != SourceConfig().kubelet_dir)
    map.refuse("kubelet_dir", "is for sources of kind kubernetes");
  map.require_absolute("kubelet_dir", baseline.kubelet_dir);
  for (const auto& [key, path] : {std::pair<const char*, const std::string&>{"directory", baseline.directory},
                                  {"credentials_file", baseline.credentials_file},
                                  {"token_file", baseline.token_file},
                                  {"ca_file", baseline.ca_file}})
    if (!path.empty()) map.require_absolute(key, path);
}

}  // namespace

baseline::SourceSpec spec_of(const SourceConfig& config) {
  return {config.name,        config.kind,
          config.path,        std::chrono::duration_cast<std::chrono::seconds>(config.stale_after),
          config.kubelet_dir, cluster_of(config)};
}

void read_source_config(config::Map& map, std::vector<SourceConfig>& out) {
  SourceConfig baseline;
  map.read("name", baseline.name, "name of this baseline, part of its addresses");
  map.require("name");
  std::size_t sources = 0;
  for (const auto& kind : baseline::kinds()) {
    const std::string key(kind.name);
    std::string path;
    map.read(key, path, ("path, pattern or location of " + std::string(kind.what)).c_str());
    if (path.empty()) continue;
    ++sources;
    baseline.kind = key;
    baseline.location = path;
    baseline.path = path.substr(0, baseline::is_location(path) ? path.find_first_of("?#") : std::string::npos);
  }
  map.read("command", baseline.command, "instead: what prints the source; the program's path is absolute");
  std::string gives;
  map.read("gives", gives, "the kind of what the command prints");
  map.read("directory", baseline.directory, "where the command runs; default: /");
  map.read("stale_after", baseline.stale_after, "its revision should move within this time; 0 = it need not");
  constexpr config::Time not_at_once{.least = std::chrono::milliseconds(100)};
  map.read("interval", baseline.interval, "a location is looked at this often", not_at_once);
  map.read("timeout", baseline.timeout, "for one look", not_at_once);
  map.read("endpoint", baseline.endpoint, "URL of an S3-compatible store, an emulator or an API server");
  map.read("region", baseline.region, "of the S3 bucket");
  map.read("node_name", baseline.node_name, "of kubernetes:///pods; default: NODE_NAME, else the host's name");
  map.read("kubelet_dir", baseline.kubelet_dir, "of kind kubernetes: kubelet's folder as the agent sees it");
  map.read("cluster", baseline.cluster,
           "of Kubernetes, in which its resources are: a name in calls.clusters, or `in-cluster`; default: where it is "
           "fetched from, else any");
  map.read("credentials_file", baseline.credentials_file, "instead of the credentials that are there anyway");
  map.read("token_file", baseline.token_file, "file with the bearer token for a URL or API server");
  map.read("ca_file", baseline.ca_file, "file with the certificate authority of the server");
  if (map.describing()) return;
  if (!gives.empty() && baseline.command.empty()) map.refuse("gives", "belongs to `command`, and there is none");
  if (!baseline.command.empty()) baseline.kind = gives;
  check_source(map, baseline, sources);
  if (!is_name(baseline.name))
    map.refuse("name", "must be lower-case letters, digits, '.', '_' and '-', and begin with a letter or digit");
  if (baseline.name == "collector")
    map.refuse("name", "is what an agent's status calls the baselines that the collector hands out", "take another");
  for (const auto& other : out)
    if (other.name == baseline.name) map.refuse("name", "`" + baseline.name + "` is used twice");
  out.push_back(std::move(baseline));
}

}  // namespace plumbline::fetch
