// The root file system of a running container, looked at from outside: whatever is in it, nothing leads out of it, and
// nobody in it can make us wait (docs/decisions/0034-files-in-containers.md).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/source/host_mounts.hpp"
#include "include/util/fd.hpp"
#include "include/util/result.hpp"

namespace plumbline::agent {

/// As its first process sees it, mounts included. Holds that process's folder in /proc and nothing of the file system,
/// so that whoever ends the container can unmount and remove all of it.
class ContainerRoot {
 public:
  struct Process {
    std::uint32_t pid = 0;
    std::uint64_t start_ticks = 0;  ///< proc_pid_stat(5), field 22: the number may be another's by now
    bool operator==(const Process&) const = default;
  };

  /// `rootfs`: where the runtime made it, in its own mount namespace. Errors: `not_found`: the process ended;
  /// `unavailable`: it is not in its root yet; `unsupported`: that root cannot be looked at, and why.
  static Result<std::shared_ptr<const ContainerRoot>> open(const std::string& proc_root, const Process& process,
                                                           const std::string& rootfs);

  /// The root, open for as long as one look takes.
  class Look {
   public:
    /// O_PATH of `path`: absolute, and without symlinks before its last component, which is not followed. Where there
    /// is none, errno says why: ELOOP: a symlink came into the way; EXDEV: something is mounted there that may let us
    /// wait.
    Fd open(const std::string& path) const;

   private:
    friend class ContainerRoot;
    Fd over_mounts(const std::string& path) const;
    Fd root_;
    std::vector<HostMount> mounts_;
  };
  /// Errors: `not_found`: the container ended; `unsupported`: its root is another one now, or is served by somebody.
  Result<Look> look() const;

  /// Whether its first process still runs.
  bool is_alive() const;

  /// "/proc/PID" of what started it (containerd's shim, conmon, or who took over from a runc that ended): what the
  /// runtime mounted is seen from there, whatever mount namespace the runtime has.
  std::string runtime_process() const;
  /// How its root is mounted: for who looks for the image's layers.
  Result<HostMount> root_mount() const;

  /// A user or group of the node as the container's user namespace numbers it; 65534 where it does not know it.
  std::uint32_t uid_inside(std::uint32_t uid) const { return inside(uids_, uid); }
  std::uint32_t gid_inside(std::uint32_t gid) const { return inside(gids_, gid); }
  /// Whether it numbers them as the node does.
  bool has_hosts_users() const;

 private:
  struct IdRange {
    std::uint64_t inside = 0, outside = 0, count = 0;
  };
  ContainerRoot() = default;
  std::string proc_file(const char* name) const;
  static std::uint32_t inside(const std::vector<IdRange>& map, std::uint32_t id);
  std::vector<IdRange> read_map(const char* name) const;

  Fd process_;  // folder in /proc: stands for that very process, whoever has its number later
  std::string proc_root_;
  std::uint64_t dev_ = 0, ino_ = 0;
  std::vector<IdRange> uids_, gids_;
};

}  // namespace plumbline::agent
