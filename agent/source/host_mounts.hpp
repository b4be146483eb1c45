#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace plumbline::agent {

/// The folder below `proc_root` of a process that sees the host's mounts: process 1's, or our own where that may not be
/// looked into (a sandbox, a pid namespace of our own).
std::string host_process(const std::string& proc_root);

/// One line of a process's mountinfo.
struct HostMount {
  std::pair<std::uint32_t, std::uint32_t> device;  ///< major, minor
  std::string path;                                ///< in that process's mount namespace, unescaped
  std::string type;                                ///< of the file system: "ext4"
};

/// What is mounted, in the file's order; empty where it cannot be read. Lines that are none are left out. Format:
/// proc(5), /proc/pid/mountinfo.
std::vector<HostMount> read_mounts(const std::string& mountinfo);

/// Whether programs may lie in such a file system, and reading one waits for nobody: not for a server elsewhere, nor
/// for a process of this node that may wait for us.
bool holds_programs(const HostMount& mount);

}  // namespace plumbline::agent
