// Readers of container runtimes' own files.
#pragma once

#include <optional>
#include <string>

#include "include/wire/finding.hpp"

namespace plumbline::agent {

struct RuncState {
  wire::Container container;  ///< id and runtime; of a pod's also its names, as containerd and CRI-O note them
  std::string graph_root;     ///< podman's storage, from the bundle's place; "" = not podman
  std::string graph_driver;   ///< "overlay"
};

/// <root>/<id>/state.json (libcontainer), or any other state there, whose cgroup_paths name `cgroup_path` or a cgroup
/// above it: a plain runc container may be anywhere, and a name proves nothing. nullopt = no such container now.
std::optional<RuncState> read_runc_state(const std::string& root, const std::string& id,
                                         const std::string& cgroup_path);

}  // namespace plumbline::agent
