// Readers of container runtimes' own files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "include/wire/finding.hpp"

namespace plumbline::agent {

struct RuncState {
  wire::Container container;  ///< id and runtime; of a pod's also its names, as containerd and CRI-O note them
  std::string graph_root;     ///< podman's storage, from the bundle's place; "" = not podman
  std::string graph_driver;   ///< "overlay"
  std::string rootfs;         ///< where its root is made, on the host
  std::uint32_t init_pid = 0;
  std::uint64_t init_start_ticks = 0;  ///< proc_pid_stat(5), field 22
  bool is_sandbox = false;             ///< it holds a pod's namespaces, and nothing of the pod's runs in it
  std::vector<std::string> cgroups;    ///< its own in each hierarchy, below the mount of cgroupfs
};

/// <root>/<id>/state.json (libcontainer), or any other state there, whose cgroup_paths name `cgroup_path` or a cgroup
/// above it: a plain runc container may be anywhere, and a name proves nothing. nullopt = no such container now.
std::optional<RuncState> read_runc_state(const std::string& root, const std::string& id,
                                         const std::string& cgroup_path);

/// What a runc's state.json says; nullopt where it is none, or half of one.
std::optional<RuncState> read_runc_state(const std::string& file);

}  // namespace plumbline::agent
