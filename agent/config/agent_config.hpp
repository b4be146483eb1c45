// agent.yaml as plain data (DESIGN section 6). Text → this struct → live objects; --check-config stops after the first.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "access/gate.hpp"
#include "agent/config/rollback_config.hpp"
#include "fetch/source_config.hpp"
#include "include/util/result.hpp"

namespace plumbline::agent {

/// Baselines that the collector compiles and hands out.
struct HandoutConfig {
  std::string key_file;  ///< the collector's node.key
  std::chrono::milliseconds interval{30'000};
};

struct CollectorConfig {
  std::string url;
  std::string token_file;
  std::string ca_file;
  std::string certificate_file, key_file;  ///< both or neither
  std::string enrolment_token_file;        ///< "" = this node does not enrol
  std::uint64_t batch_records = 500;
  std::uint64_t batch_bytes = 1 << 20;
  std::chrono::milliseconds interval{1'000};
  std::chrono::milliseconds timeout{10'000};
  std::chrono::milliseconds heartbeat{15'000};
  std::optional<HandoutConfig> baselines;
};

using access::TokenKeysConfig;

/// A cluster of Kubernetes by the URLs that clients on this node have of its API servers.
struct ClusterConfig {
  std::string name;
  std::vector<std::string> servers;
};

/// What somebody else than the baseline's tool may change (Terraform's ignore_changes and ignore_tags are in no state).
struct IgnoreConfig {
  std::string resource;                 ///< glob of addresses
  std::vector<std::string> attributes;  ///< globs, themselves and what is below them
};

/// Calls of cloud APIs, seen in the plaintext of TLS connections, and in those that some endpoints have without TLS.
struct CallsConfig {
  bool enabled = false;
  bool is_chosen = false;            ///< the configuration says whether it is enabled
  std::vector<std::string> folders;  ///< of the host, looked through for files with TLS; empty = the usual ones
  std::uint32_t max_files = 1024;
  std::chrono::milliseconds exec_gate{0};    ///< how long a first execution is held at most; 0 = none is
  std::vector<std::string> exclude_cgroups;  ///< globs: programs in such cgroups are not looked at
  std::optional<bool> metadata_services;     ///< listened to; nullopt: on Amazon's machines
  std::vector<std::string> plain_http;       ///< http://HOST:PORT: endpoints that are listened to without TLS
  std::optional<std::vector<TokenKeysConfig>> token_keys;  ///< nullopt: of the cluster that the agent runs in
  std::vector<ClusterConfig> clusters;  ///< beside the one that the agent runs in, and those of fetched sources
  std::vector<IgnoreConfig> ignore;
  std::vector<std::string> unowned;  ///< "aws:ec2:Delete*": of what no baseline describes, such calls are findings too
};

/// Which runs of tools are approved.
struct ApprovalConfig {
  bool required = false;               ///< what a proven tool does without an approved run is an unapproved run
  std::vector<TokenKeysConfig> keys;   ///< of who signs tokens that approve one; empty = whoever has the socket does
  std::string audience = "plumbline";  ///< whom such a token is for (`aud`)
  std::vector<std::string> subjects;   ///< globs of whom it is of (`sub`); empty = anybody whom the keys' issuers know
};

/// On an instance of Amazon ECS.
struct EcsConfig {
  std::string task_metadata_url;  ///< "" = nobody is asked which service a task is of
};

struct AgentConfig {
  std::string node;  ///< default: the host's name
  std::map<std::string, std::string> labels;
  std::string state_dir = "/var/lib/plumbline";
  std::string api_socket = "/run/plumbline/agent.sock";
  std::string api_listen = "127.0.0.1:9640";  ///< "off" = the socket only
  std::optional<http::TlsFiles> api_tls;
  std::vector<access::RuleConfig> api_access;
  std::vector<fetch::SourceConfig> baselines;
  std::vector<std::string> rules;
  std::optional<CollectorConfig> collector;
  CallsConfig calls;
  EcsConfig ecs;
  std::uint64_t spool_max_bytes = 1ull << 30;
  std::uint64_t spool_segment_bytes = 16ull << 20;
  std::string tier = "auto";
  std::string pin_dir = "/sys/fs/bpf/plumbline";
  bool pin = true;
  std::uint32_t max_marks = 65536;
  std::uint64_t max_file_bytes = 256ull << 20;
  std::uint32_t max_container_files = 4096;
  std::uint64_t max_container_file_bytes = 16ull << 20;
  std::uint32_t recent_findings = 1000;
  std::uint32_t processes = 16384;
  std::uint32_t images = 4096;
  std::chrono::milliseconds rescan_interval{3'600'000};
  std::chrono::milliseconds pending_grace{1'800'000};
  ApprovalConfig approval;
  RollbackConfig rollback;
  std::string log_level = "info";
};

/// Reads and validates; errors name file:line:column and what to do. Relative paths are refused: an agent has no
/// meaningful working directory.
Result<AgentConfig> load_agent_config(const std::string& path);

/// As load_agent_config(), of text in memory; `origin` stands for the file in messages.
Result<AgentConfig> parse_agent_config(const std::string& origin, const std::string& text);

/// What the API's gate is to ask over TCP: on loopback only where `access` has something, elsewhere everybody.
access::Policy api_policy_of(const AgentConfig& config);

/// JSON Schema (draft 2020-12) of agent.yaml.
std::string agent_config_schema();

/// "127.0.0.1:9640" → host and port; nullopt where it is neither that nor "[::1]:9640".
std::optional<std::pair<std::string, std::uint16_t>> split_address(const std::string& address);

}  // namespace plumbline::agent
