// From a cgroup to a container: by the runtime's own files on disk, never by asking a socket (DESIGN: "Who").
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fetch/docker_container.hpp"
#include "include/wire/finding.hpp"

namespace plumbline::agent {

struct RuncState;

struct ContainerRoots {
  std::string cgroup = "/sys/fs/cgroup";  ///< cgroup2 mount, or the parent of v1 mounts and "unified"
  /// Folders with <id>/state.json, each of a runc that somebody calls: runc's own (podman, CRI-O), containerd's for
  /// Kubernetes and for `ctr`.
  std::vector<std::string> runc = {"/run/runc", "/run/containerd/runc/k8s.io", "/run/containerd/runc/default"};
  std::string docker_runc = "/run/docker/runtime-runc/moby";  ///< that of Docker
  std::string docker = fetch::docker_containers;
};

inline constexpr const char* container_files_gone = "its runtime's files were gone, or do not name its cgroup";

/// Not thread-safe. Bounded: 4,096 cgroups, the oldest are forgotten first and counted.
class Containers {
 public:
  explicit Containers(ContainerRoots roots);

  /// A cgroup was made; `path` is below the root of its hierarchy, the unified one or the v1 one of the pids
  /// controller.
  void on_cgroup(std::uint64_t id, bool v1, const std::string& path);
  /// Records were lost: walk cgroupfs again at the next unknown id.
  void on_lost() { walked_ = false; }

  /// The container of a process in these cgroups (0 = none); nullopt = a host process. `missing` says why not all of it
  /// is known, such as a container whose runtime's files are gone, so that its cgroup alone tells of it; "" = all is.
  struct Found {
    wire::Container container;
    std::string missing;
  };
  std::optional<Found> find(std::uint64_t cgroup_id, std::uint64_t cgroup_v1_id);

  /// Whether the cgroups are of a kind that the host's own processes have: the root, or systemd's services and
  /// sessions.
  bool of_host(std::uint64_t cgroup_id, std::uint64_t cgroup_v1_id);

  std::uint64_t forgotten() const { return forgotten_; }

  /// Folders in which a container that starts appears, by its id, with a state.json in it; some may not be there.
  std::vector<std::string> state_folders() const;
  /// Of one that is there.
  struct Running {
    std::string state_file;  ///< the runtime's, of which this was read
    Found found;
    std::string rootfs;  ///< where its root is made, on the host
    std::uint32_t init_pid = 0;
    std::uint64_t init_start_ticks = 0;
  };
  /// What these folders have: containers of pods' own, not their sandboxes. What is read once is kept until its file is
  /// another one; what is not all known yet is asked anew.
  std::vector<Running> running();
  /// What running() looked at last, whatever it is, and whether or not it is there yet.
  std::vector<std::string> state_files() const;

 private:
  struct Entry {
    std::string path;
    std::optional<Found> found;
    bool looked = false;
  };
  using Key = std::pair<bool, std::uint64_t>;  // v1, id: ids repeat from one hierarchy to the next
  Entry* entry(const Key& key);
  void walk();
  void walk(const std::string& mount, bool v1);
  std::optional<Found> identify(const std::string& cgroup_path) const;
  std::optional<Running> read_running(const std::string& folder, const std::string& file) const;
  static Found of_runc(const RuncState& state, const std::string& pod_uid);
  Found of_docker(wire::Container container) const;

  ContainerRoots roots_;
  std::map<Key, Entry> by_id_;
  std::map<std::uint64_t, Key> order_;  // by age
  std::uint64_t age_ = 0;
  std::uint64_t forgotten_ = 0;
  bool walked_ = false;
  /// What was last found in state_folders(): file → its version, and what was in it. Bounded by what is there.
  std::map<std::string, std::pair<std::string, std::optional<Running>>> read_;
};

/// The container id in a cgroup path, by the runtimes' naming: "libpod-<id>[.scope]", "docker-<id>.scope",
/// "cri-containerd-<id>.scope", "crio-<id>.scope" and "<64 hex>", which is Docker's, ECS' and Kubernetes' without
/// systemd; "" = the path names none.
std::string container_id_of(const std::string& cgroup_path);

/// The uid of the pod whose cgroup this is or that it lies below, as kubelet names them:
/// "/kubepods/burstable/pod<uid>/…",
/// "/kubepods.slice/…/kubepods-burstable-pod<uid>.slice/…" with '_' for '-', and below "/kubelet" or "/kubelet.slice"
/// where kubelet's own root is that; "" = the path names none. Of a path that anybody may have made nothing is taken.
std::string pod_uid_of(const std::string& cgroup_path);

/// Container name, image and digest from podman's storage below `graph_root`; false where it does not know the id.
bool read_podman_storage(const std::string& graph_root, const std::string& driver, wire::Container& container);

}  // namespace plumbline::agent
