// The desired state of a set of resources, compiled from one IaC source at one revision (DESIGN: baseline).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "baseline/container_selector.hpp"
#include "baseline/keyed_hash.hpp"
#include "baseline/resource.hpp"
#include "include/util/result.hpp"

namespace plumbline::baseline {

/// What one managed file should look like. Only the attributes that the source declares are set; an unset one is never
/// compared. Holds digests, never content.
struct FileExpectation {
  std::string address;  ///< of the owning resource
  std::string path;     ///< absolute, lexically normal ("." and ".." removed, no trailing slash); any bytes but NUL
  bool absent = false;  ///< the path must not exist
  /// "sha256:<hex>" where the source itself shows the digest or the content openly, "hmac-sha256:<hex>"
  /// (KeyedHash::of_digest of the content's SHA-256) where the resource is sensitive.
  std::optional<std::string> content;
  std::optional<std::uint32_t> mode;  ///< permission bits, 07777
  std::optional<std::string> owner;   ///< user name or decimal uid
  std::optional<std::string> group;
  std::optional<std::string> symlink_target;  ///< the path is a symlink with exactly this text
  std::vector<std::string> absent_entries;    ///< the path is a directory in which no entry matches one of these globs
  bool sensitive = false;
  /// Whoever writes it may not have come to it: as long as it is missing, that says nothing. Of pods that are starting.
  bool awaited = false;
  /// The path is in the root of each of these containers; none: on the node itself.
  std::optional<ContainerSelector> containers = {};
  bool as_image = false;  ///< it is as the container's image has it, and nothing else is said of it
};

struct Skipped {
  std::string address;
  std::string why;
};

using Revision = std::map<std::string, std::string>;

struct Baseline {
  std::string name;                 ///< from the config: "prod-net"
  std::string kind;                 ///< a name of kinds()
  std::string path;                 ///< where it was read from
  Revision revision;                ///< {lineage, serial} or {revision}
  std::vector<Resource> resources;  ///< every managed resource of the source, file or not
  std::vector<FileExpectation> files;
  std::vector<Skipped> skipped;  ///< nothing is left out in silence
};

/// Where a baseline comes from, as the config names it.
struct SourceSpec {
  std::string name;
  std::string kind;                     ///< a name of kinds() (baseline/kinds.hpp)
  std::string path;                     ///< of a file, or a location ("s3://bucket/key"), without what is secret in it
  std::chrono::seconds stale_after{0};  ///< without a new revision for so long, it is told; 0 = never
  std::string kubelet_dir = "/var/lib/kubelet";  ///< of kind kubernetes: where kubelet's folder is seen from here
  /// Which cluster of Kubernetes its resources are in: a name, `in_cluster`, or the URL of the API server that it is
  /// fetched from; "" = nobody said.
  std::string cluster = {};
  bool operator==(const SourceSpec&) const = default;
};

/// The cluster that whoever reads the configuration runs in.
inline constexpr std::string_view in_cluster = "in-cluster";

/// Whether a source's path is a location elsewhere: "scheme://…".
bool is_location(std::string_view path);

/// Reads and compiles one source. Errors name the file and the JSON pointer or line:column, and say what to do; a
/// half-written, encrypted, wrong-version or otherwise unusable source is an error, never an empty baseline.
/// Resources come without their attributes, which an index holds (baseline/compile.hpp).
Result<Baseline> load(const SourceSpec& given, const KeyedHash& key);

class Index;

/// One source, for whoever looks up owners too.
struct Loaded {
  Baseline baseline;                   ///< without `resources`: they are in the index
  std::shared_ptr<const Index> index;  ///< nullptr where it could not be written
  std::string why_no_index;            ///< then; the baseline is good all the same
};

/// As load(), and writes an index of the source to `target` as it goes. An error leaves the index of before. `bytes`:
/// the whole source, where it was fetched from elsewhere; else its file is read, unless `stop` ends that.
Result<Loaded> load_indexed(const SourceSpec& given, const KeyedHash& key, const std::string& target,
                            std::optional<std::string_view> bytes = {}, const std::stop_token& stop = {});

/// As load(), from bytes already in memory, and with all attributes. Never touches the file system.
Result<Baseline> parse(const SourceSpec& spec, std::string_view bytes, const KeyedHash& key);

}  // namespace plumbline::baseline
