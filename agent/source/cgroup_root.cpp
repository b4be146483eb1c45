#include "agent/source/cgroup_root.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <string>

namespace plumbline::agent {
namespace {

// linux/mount.h, for those who have a libc's sys/mount.h too.
constexpr unsigned fs_open_cloexec = 1, fs_mount_cloexec = 1, fs_create = 6;  // FSCONFIG_CMD_CREATE

/// kernfs numbers a hierarchy's inodes from its root on.
bool is_root(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && status.st_ino == 1;
}

/// Mount points of cgroup2 in mountinfo (proc_pid_mountinfo(5)): fields before " - " vary in number.
Fd open_mounted() {
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    const auto dash = line.find(" - cgroup2 ");
    if (dash == std::string::npos) continue;
    std::istringstream fields(line.substr(0, dash));
    std::string skipped, point;
    fields >> skipped >> skipped >> skipped >> skipped >> point;
    Fd fd(::open(point.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd && is_root(fd.get())) return fd;
  }
  return {};
}

/// A mount of our own that nobody else sees, and that ends with its descriptor.
Fd open_unmounted() {
  const Fd context(static_cast<int>(::syscall(SYS_fsopen, "cgroup2", fs_open_cloexec)));
  if (!context || ::syscall(SYS_fsconfig, context.get(), fs_create, nullptr, nullptr, 0) != 0) return {};
  return Fd(static_cast<int>(::syscall(SYS_fsmount, context.get(), fs_mount_cloexec, 0)));
}

}  // namespace

Result<Fd> open_cgroup_root() {
  if (Fd mounted = open_mounted(); mounted) return mounted;
  Fd own = open_unmounted();
  const int error = errno;
  if (own && is_root(own.get())) return own;
  return Error{ErrorCode::not_found, "open the root of the cgroup v2 hierarchy",
               own ? "only a part of it can be seen here, that of a container"
                   : "it is not mounted, and mounting it: " + errno_text(error),
               "run the agent in the host's cgroup namespace, or mount the host's /sys/fs/cgroup into its container"};
}

}  // namespace plumbline::agent
