#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace plumbline::agent {

/// The folder below `proc_root` of a process that sees the host's mounts: process 1's, or our own where that may not be
/// looked into (a sandbox, a pid namespace of our own).
std::string host_process(const std::string& proc_root);

/// Where the host's files are seen from here: "" where our root is the host's, else below host_process() (in a pod).
std::string host_root(const std::string& proc_root);

/// One line of a process's mountinfo.
struct HostMount {
  std::pair<std::uint32_t, std::uint32_t> device;  ///< major, minor
  std::string path;                                ///< in that process's mount namespace, unescaped
  std::string type;                                ///< of the file system: "ext4"
  std::uint64_t id = 0;                            ///< mount id, as /proc/self/fdinfo shows it
  std::string root = {};                           ///< which part of the file system: "/" = all of it
  std::string options = {};                        ///< of the file system, unescaped: "rw,lowerdir=…"
};

/// What is mounted, in the file's order; empty where it cannot be read. Lines that are none are left out. Format:
/// proc(5), /proc/pid/mountinfo.
std::vector<HostMount> read_mounts(const std::string& mountinfo);

/// Those in which programs may lie, that can be reached by their path, and for which nothing waits for anybody: neither
/// a server elsewhere nor a process of this node that may wait for us (FUSE, autofs) serves it or what it is mounted
/// below. An overlay over such a file system is not told from others.
std::vector<HostMount> local_mounts(const std::vector<HostMount>& mounts);

/// Whether nobody may let us wait in it: neither a server elsewhere nor a process of this node serves it, and it is
/// none of the kernel's own.
bool is_local(const HostMount& mount);

/// Whether programs may lie in such a file system, whoever serves it.
bool may_hold_programs(const HostMount& mount);

/// Whether a path leads through no mount that somebody serves.
bool is_local(const std::vector<HostMount>& mounts, const std::string& path);

}  // namespace plumbline::agent
