#include "agent/config/agent_config.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "baseline/kinds.hpp"
#include "http/url.hpp"
#include "include/config/strict_yaml.hpp"
#include "include/util/loopback.hpp"

namespace plumbline::agent {
namespace {

using config::Bytes;
using config::Map;

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' ? name : "localhost";
}

void read_api(Map& map, AgentConfig& c) {
  map.read("socket", c.api_socket, "Unix socket of the API, mode 0660");
  map.read("listen", c.api_listen, "address of the API, or \"off\"; beyond loopback only with `tls` and `access`");
  access::read_tls(map, c.api_tls);
  access::read_rules(map, c.api_access);
  if (map.describing()) return;
  map.require_absolute("socket", c.api_socket);
  if (c.api_socket.size() > 107) map.refuse("socket", "is longer than the 107 bytes that a socket's path may have");
  if (c.api_listen == "off") return;
  const auto address = split_address(c.api_listen);
  if (!address) map.refuse("listen", "must be HOST:PORT or \"off\", not `" + config::shown(c.api_listen) + "`");
  if (!is_loopback(address->first) && (!c.api_tls || c.api_access.empty()))
    map.refuse(
        "listen", std::string("is not a loopback address, and there is no ") + (c.api_tls ? "`access`" : "`tls`"),
        "give `tls` a certificate_file and its key_file and say in `access` who may read; or use 127.0.0.1:PORT, "
        "and let the collector serve readers elsewhere");
  for (const auto& rule : c.api_access)
    if (!rule.certificates.empty() && !(c.api_tls && !c.api_tls->client_ca_file.empty()))
      map.refuse("access", "`" + config::shown(rule.name) + "` is for clients' certificates, and none are asked for",
                 "name who signs them in tls.client_ca_file");
}

void read_collector(Map& map, CollectorConfig& c) {
  map.read("url", c.url, "http://HOST:PORT or https://HOST:PORT of the collector");
  map.require("url");
  map.read("token_file", c.token_file,
           "file with the bearer token; in Kubernetes a projected one of the service account");
  map.read("ca_file", c.ca_file, "file with the certificate authority that signed the collector's certificate");
  map.read("certificate_file", c.certificate_file,
           "PEM of this node's certificate, which shows the collector whose it is");
  map.read("key_file", c.key_file, "PEM of its key");
  map.optional_object("enrolment", "get the certificate from the collector itself, and renew it", [&](Map& m) {
    m.read("token_file", c.enrolment_token_file, "a token for this node (plumb token create); needed once");
    m.require("token_file");
    if (!m.describing()) m.require_absolute("token_file", c.enrolment_token_file);
  });
  constexpr config::Time not_at_once{.least = std::chrono::milliseconds(100)};
  map.read("batch_records", c.batch_records, "records in a batch at most", {.least = 1, .most = 1000});
  Bytes bytes{c.batch_bytes};
  map.read("batch_bytes", bytes, "size of a batch at most, before compression");
  c.batch_bytes = bytes.value;
  map.read("interval", c.interval, "a quiet agent looks at its spool this often", not_at_once);
  map.read("timeout", c.timeout, "for one batch", not_at_once);
  map.read("heartbeat", c.heartbeat, "an idle agent says this often that it lives", not_at_once);
  HandoutConfig handout;
  if (map.optional_object("baselines", "take the baselines that the collector hands this node", [&](Map& m) {
        m.read("key_file", handout.key_file, "the collector's node.key, a file that only the agent reads");
        m.require("key_file");
        m.read("interval", handout.interval, "the collector is asked this often", not_at_once);
        if (!m.describing()) m.require_absolute("key_file", handout.key_file);
      }))
    c.baselines = handout;
  if (map.describing()) return;
  // Never shows the URL: what is refused may be a password.
  if (const auto url = http::parse_url("", c.url); !url)
    map.refuse("url", "is no URL of a collector: " + url.error().why,
               "write https://HOST:PORT; a token goes into a file that `token_file` names");
  else if (!url->tls && !c.certificate_file.empty())
    map.refuse("certificate_file", "is shown by TLS alone", "write https:// in `url`");
  else if (!url->tls && !c.enrolment_token_file.empty())
    map.refuse("enrolment", "goes by TLS alone", "write https:// in `url`");
  else if (!c.token_file.empty() && !http::is_private(*url))
    map.refuse("token_file", "whoever has the token is this node, and it would travel unencrypted to " + url->host,
               "write https:// in `url`, or take it out and reach the collector on 127.0.0.1 through a tunnel");
  if (!c.certificate_file.empty() && !c.enrolment_token_file.empty())
    map.refuse("certificate_file", "is not needed where the node enrols", "take it out, or take `enrolment` out");
  if (c.certificate_file.empty() != c.key_file.empty())
    map.refuse(c.key_file.empty() ? "certificate_file" : "key_file",
               "a certificate needs its key, and a key its certificate", "give both");
  for (const auto& [key, path] :
       {std::pair<const char*, const std::string&>{"certificate_file", c.certificate_file}, {"key_file", c.key_file}})
    if (!path.empty()) map.require_absolute(key, path);
}

/// Never shows the URL: what is refused may be a password.
void check_endpoint(Map& calls, const std::string& endpoint) {
  constexpr const char* shape = "write http://HOST:PORT, for example http://localhost:4566";
  const auto url = http::parse_url("", endpoint);
  if (!url) calls.refuse("plain_http", "has what is no URL of an endpoint: " + url.error().why, shape);
  if (url->tls)
    calls.refuse("plain_http", "has an https:// URL, which is seen where its clients' TLS library is hooked", shape);
  if (url->target != "/")
    calls.refuse("plain_http", "has a URL with a path: endpoints are known by their address", shape);
}

/// What the collector hands out may be anything.
bool has_something_to_call(const AgentConfig& c) {
  return !c.calls.unowned.empty() || (c.collector && c.collector->baselines) ||
         std::any_of(c.baselines.begin(), c.baselines.end(), [](const fetch::SourceConfig& source) {
           const auto* kind = baseline::find_kind(source.kind);
           return kind != nullptr && kind->is_of_apis;
         });
}

void read_token_keys(Map& map, std::vector<TokenKeysConfig>& all) {
  TokenKeysConfig keys;
  access::read_token_keys(map, keys);
  if (!map.describing()) all.push_back(std::move(keys));
}

void read_cluster(Map& map, std::vector<ClusterConfig>& all) {
  ClusterConfig cluster;
  map.read("name", cluster.name, "as `cluster` of a baseline says it; `in-cluster`: the one that the agent runs in");
  map.read("servers", cluster.servers, "https://HOST[:PORT] by which clients on this node call its API servers");
  map.require("name");
  map.require("servers");
  if (map.describing()) return;
  for (const auto& server : cluster.servers) {
    const auto url = http::parse_url("", server);
    if (!url) map.refuse("servers", "has what is no URL of a server: " + url.error().why, "write https://HOST:PORT");
    if (url->target != "/")
      map.refuse("servers", "has a URL with a path: servers are told apart by host and port",
                 "write https://HOST:PORT");
  }
  all.push_back(std::move(cluster));
}

/// A baseline of a cluster that nobody describes would have all calls told with "not known".
void check_clusters(Map& map, const AgentConfig& c) {
  std::map<std::string, std::string> servers;
  for (const auto& cluster : c.calls.clusters)
    for (const auto& server : cluster.servers) {
      const auto url = http::parse_url("", server);
      const auto [other, is_new] = servers.emplace(url->host + ":" + url->port, cluster.name);
      if (!is_new && other->second != cluster.name)
        map.refuse("clusters",
                   "have " + config::shown(url->origin) + " twice, in " + other->second + " and " + cluster.name,
                   "a server is of one cluster");
    }
  for (const auto& baseline : c.baselines) {
    const bool is_known = baseline.cluster.empty() || baseline.cluster == baseline::in_cluster ||
                          std::any_of(c.calls.clusters.begin(), c.calls.clusters.end(),
                                      [&](const ClusterConfig& known) { return known.name == baseline.cluster; });
    if (!is_known)
      map.refuse("clusters", "do not have `" + baseline.cluster + "`, of which baseline `" + baseline.name + "` is",
                 "add {name: " + baseline.cluster + ", servers: [\"https://HOST:PORT\"]}");
  }
}

void read_ignore(Map& map, std::vector<IgnoreConfig>& all) {
  IgnoreConfig ignore;
  map.read("resource", ignore.resource, "its address, * stands for anything (\"tofu:*aws_autoscaling_group.*\")");
  map.read("attributes", ignore.attributes,
           "themselves and what is below them, * stands for anything (\"desired_capacity\", \"tags.kubernetes*\")");
  map.require("resource");
  map.require("attributes");
  if (map.describing()) return;
  if (ignore.resource.empty()) map.refuse("resource", "is empty, which no address is", "write \"*\" for all");
  const bool has_empty =
      std::any_of(ignore.attributes.begin(), ignore.attributes.end(), [](const auto& name) { return name.empty(); });
  if (ignore.attributes.empty() || has_empty)
    map.refuse("attributes", "must name attributes", "write for example [\"desired_capacity\"]");
  all.push_back(std::move(ignore));
}

/// After baselines and collector, which say whether there is anything to call.
void read_calls(Map& map, AgentConfig& c) {
  CallsConfig& calls = c.calls;
  std::optional<bool> enabled;
  map.read(
      "enabled", enabled,
      "true: hook the TLS functions of this node's files; false, and SIGHUP, ends all hooks at once; default: true "
      "where a baseline is of a tool whose resources such calls change, or `unowned` asks for calls");
  map.read("folders", calls.folders,
           "folders to look through for programs and libraries; default: where they and image layers usually are");
  map.read("max_files", calls.max_files, "files hooked at most; those past it are blind spots",
           {.least = 1, .most = 65536});
  map.read("exec_gate", calls.exec_gate,
           "a file's first execution is held until it was looked at, at most for so long (for example 50ms; half the "
           "node would wait for more than a second), so that its first call is seen; 0s: none is held",
           {.most = std::chrono::seconds(1)});
  map.read("plain_http", calls.plain_http, "http://HOST:PORT of endpoints without TLS (LocalStack, MinIO, moto)");
  map.read(
      "metadata_services", calls.metadata_services,
      "true: learn from the metadata services of EC2, ECS and EKS whose keys they hand out; default: true where the "
      "firmware says that the machine is Amazon's");
  map.read("unowned", calls.unowned,
           "PROVIDER:SERVICE:OPERATION, * stands for anything: such calls are told also of what no baseline describes");
  map.read("exclude_cgroups", calls.exclude_cgroups,
           "cgroups as /proc/PID/cgroup has them, * stands for anything, slashes too: calls of programs there are not "
           "looked at, so give "
           "no pattern that others can name a cgroup after");
  std::vector<TokenKeysConfig> token_keys;
  map.list("token_keys", "whose signatures prove bearer tokens; default: the cluster that the agent runs in",
           [&](Map& keys) { read_token_keys(keys, token_keys); });
  map.list("clusters", "of Kubernetes, whose servers clients on this node call",
           [&](Map& cluster) { read_cluster(cluster, calls.clusters); });
  map.list("ignore", "attributes of resources that others may change: calls that set them differ in nothing",
           [&](Map& ignore) { read_ignore(ignore, calls.ignore); });
  if (map.describing()) return;
  check_clusters(map, c);
  for (const auto& keys : token_keys)
    if (!keys.cluster && keys.issuer.empty())
      map.refuse("token_keys",
                 "`" + keys.from + "` is of no issuer, so anybody's tokens that its keys sign would be proven",
                 "say whose with `issuer`, or `cluster: true` where it is a cluster of Kubernetes");
  if (map.has("token_keys")) calls.token_keys = std::move(token_keys);
  calls.is_chosen = enabled.has_value();
  calls.enabled = enabled.value_or(has_something_to_call(c));
  for (const auto& glob : calls.exclude_cgroups)
    if (!glob.starts_with('/') && !glob.starts_with('*'))
      map.refuse("exclude_cgroups", "`" + glob + "` is no path of a cgroup",
                 "write for example \"/kubepods/*/pod0123…/*\" or \"/system.slice/nginx.service\"");
  for (const auto& pattern : calls.unowned)
    if (std::count(pattern.begin(), pattern.end(), ':') < 2 && pattern != "*")
      map.refuse("unowned", "`" + pattern + "` is no PROVIDER:SERVICE:OPERATION",
                 "write for example \"aws:ec2:Delete*\" or \"*:*:*\"");
  for (const auto& endpoint : calls.plain_http) check_endpoint(map, endpoint);
  if (calls.plain_http.size() > 64) map.refuse("plain_http", "has more than 64 endpoints");
  for (const auto& folder : calls.folders) map.require_absolute("folders", folder);
}

void read_approval(Map& map, ApprovalConfig& approval) {
  map.read("required", approval.required,
           "true: what a proven tool changes without an approved run is an unapproved_run; default: false");
  map.list("keys", "whose signatures prove tokens that approve a run; without any, whoever has the socket approves",
           [&](Map& keys) { read_token_keys(keys, approval.keys); });
  map.read("audience", approval.audience, "whom such a token is for (aud)");
  map.read("subjects", approval.subjects,
           "whom it is of (sub), * stands for anything; needed where the issuer signs for others, too");
  if (map.describing()) return;
  if (approval.audience.empty()) map.refuse("audience", "is empty: any token of the issuer would do");
  if (approval.keys.empty() && !approval.subjects.empty()) map.refuse("subjects", "says nothing without keys");
}

void read_ecs(Map& map, EcsConfig& ecs) {
  constexpr const char* key = "task_metadata_url";
  map.read(
      key, ecs.task_metadata_url,
      "where ECS' agent on this instance tells of tasks: http://127.0.0.1:51679; it is asked which service each is "
      "of. Without: no finding says that");
  if (map.describing() || ecs.task_metadata_url.empty()) return;
  constexpr const char* shape = "write http://127.0.0.1:51679";
  const auto url = http::parse_url("", ecs.task_metadata_url);
  if (!url) map.refuse(key, "is no URL: " + url.error().why, shape);
  if (url->origin != ecs.task_metadata_url) map.refuse(key, "has more than scheme, host and port", shape);
}

void bind(Map& map, AgentConfig& c) {
  map.object("node", "who this node is", [&](Map& node) {
    std::string name;
    node.read("name", name, "name for people; default: the host's name");
    if (!name.empty()) c.node = name;
    node.read("labels", c.labels, "free labels, sent along with every batch");
  });
  map.read("state_dir", c.state_dir, "spool, snapshot and key of this agent");
  if (!map.describing()) map.require_absolute("state_dir", c.state_dir);
  map.object("api", "where the node's drift can be asked for", [&](Map& api) { read_api(api, c); });
  map.list("baselines", "the desired state", [&](Map& baseline) { fetch::read_source_config(baseline, c.baselines); });
  map.read("rules", c.rules, "paths of rule files, first match wins in this order");
  if (!map.describing())
    for (const auto& rule : c.rules) map.require_absolute("rules", rule);
  CollectorConfig collector;
  if (map.optional_object("collector", "where findings go", [&](Map& m) { read_collector(m, collector); }))
    c.collector = collector;
  map.object("calls", "calls of cloud APIs by this node's programs", [&](Map& m) { read_calls(m, c); });
  map.object("ecs", "on an instance of Amazon ECS", [&](Map& m) { read_ecs(m, c.ecs); });
  map.object("spool", "the durable queue", [&](Map& spool) {
    Bytes all{c.spool_max_bytes}, segment{c.spool_segment_bytes};
    spool.read("max_bytes", all, "disk budget; at it changes stay pending in the kernel, nothing is dropped");
    spool.read("segment_bytes", segment, "size of one segment file");
    if (!spool.describing() && segment.value > all.value / 2)
      spool.refuse("max_bytes", "must hold at least two segments");
    c.spool_max_bytes = all.value;
    c.spool_segment_bytes = segment.value;
  });
  map.object("kernel", "the kernel side", [&](Map& kernel) {
    kernel.read_word("tier", c.tier, {"auto", "ctime", "fentry"},
                     "which hooks; auto takes the best that proves itself");
    kernel.read("pin_dir", c.pin_dir, "directory on a bpffs where maps and links outlive the agent");
    if (!kernel.describing()) kernel.require_absolute("pin_dir", c.pin_dir);
    kernel.read("pin", c.pin, "false: the kernel side ends with the agent, and changes meanwhile lose their actor");
  });
  map.object("limits", "bounds", [&](Map& limits) {
    limits.read("max_marks", c.max_marks, "inodes marked at most; paths past it are blind spots",
                {.least = 16, .most = 1u << 24});
    Bytes file{c.max_file_bytes};
    limits.read("max_file_bytes", file, "larger files are compared without their content");
    c.max_file_bytes = file.value;
    limits.read("max_container_files", c.max_container_files,
                "files watched in containers, of all of them; those past it are a blind spot", {.most = 1u << 20});
    Bytes in_container{c.max_container_file_bytes};
    limits.read(
        "max_container_file_bytes", in_container,
        "in a container, which may write them again and again, larger files are compared without their content");
    c.max_container_file_bytes = in_container.value;
    limits.read("recent_findings", c.recent_findings, "findings that the API keeps in memory");
    limits.read("processes", c.processes, "processes remembered for lineage", {.least = 16, .most = 1u << 24});
    limits.read("images", c.images, "executables with argv remembered for lineage", {.least = 16, .most = 1u << 20});
  });
  map.object("verdicts", "how changes are judged", [&](Map& verdicts) {
    verdicts.read("pending_grace", c.pending_grace,
                  "time in which a baseline is to show what its own tool changed; after it, that is out_of_band",
                  {.least = std::chrono::seconds(1)});
    verdicts.object("approval", "which runs are approved", [&](Map& approval) { read_approval(approval, c.approval); });
  });
  map.object("rollback", "bounds of what rules put back", [&](Map& rollback) { read_rollback(rollback, c.rollback); });
  map.object("rescan", "comparing without being told", [&](Map& rescan) {
    rescan.read("interval", c.rescan_interval, "time between two full comparisons", {.least = std::chrono::seconds(1)});
  });
  map.object("log", "what the agent says on standard error", [&](Map& log) {
    log.read_word("level", c.log_level, {"debug", "info", "warning", "error"}, "the least level that is written");
  });
}

}  // namespace

std::optional<std::pair<std::string, std::uint16_t>> split_address(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  std::string host = address.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
  if (error != std::errc() || end != address.data() + address.size()) return std::nullopt;
  return std::pair(std::move(host), port);
}

Result<AgentConfig> load_agent_config(const std::string& path) {
  AgentConfig config;
  config.node = host_name();
  if (auto read = config::read_file(path, [&](Map& map) { bind(map, config); }); !read) return read.error();
  return config;
}

Result<AgentConfig> parse_agent_config(const std::string& origin, const std::string& text) {
  AgentConfig config;
  config.node = host_name();
  if (auto read = config::read_text(origin, text, [&](Map& map) { bind(map, config); }); !read) return read.error();
  return config;
}

access::Policy api_policy_of(const AgentConfig& config) {
  access::Policy policy;
  policy.people = config.api_access;
  policy.takes_certificates = config.api_tls && !config.api_tls->client_ca_file.empty();
  const auto address = split_address(config.api_listen);
  policy.asks_people = !config.api_access.empty() || (address && !is_loopback(address->first));
  return policy;
}

std::string agent_config_schema() {
  AgentConfig config;
  return config::schema_of("Plumbline agent.yaml", [&](Map& map) { bind(map, config); });
}

}  // namespace plumbline::agent
