// A baseline's entry in a configuration file, as plain data.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "baseline/baseline.hpp"
#include "include/config/strict_yaml.hpp"

namespace plumbline::fetch {

/// One entry of `baselines`, in the agent's configuration and in the collector's.
struct SourceConfig {
  std::string name;
  std::string kind;  ///< a name of baseline::kinds()
  /// Absolute, and then perhaps a pattern (baseline/path_glob.hpp); or a location ("s3://bucket/key"), without the
  /// query of a URL, which may be a secret.
  std::string path;
  std::chrono::milliseconds stale_after{0};
  std::string kubelet_dir = "/var/lib/kubelet";  ///< of kind kubernetes: where kubelet's folder is seen from here
  std::string cluster;                           ///< of Kubernetes, in which its resources are; "" = see spec_of()
  // Of a location:
  std::string location;              ///< as it was written
  std::vector<std::string> command;  ///< prints the source, which is then `kind`
  std::string directory;             ///< of the command; "" = /
  std::string endpoint;              ///< of an S3-compatible store, an emulator, an API server
  std::string region;                ///< of the S3 bucket
  std::string node_name;             ///< of the pods of a node; "" = NODE_NAME, else the host's name
  std::string credentials_file;
  std::string token_file;
  std::string ca_file;
  std::chrono::milliseconds interval{60'000};
  std::chrono::milliseconds timeout{60'000};
  bool operator==(const SourceConfig&) const = default;
};

/// What of it is the source itself. Where `cluster` says nothing, what is fetched from an API server as objects or
/// releases is of that server's cluster.
baseline::SourceSpec spec_of(const SourceConfig& config);

/// Reads one entry and adds it to `out`; names are unique. Refuses through `map`.
void read_source_config(config::Map& map, std::vector<SourceConfig>& out);

}  // namespace plumbline::fetch
