#include "agent/source/file_place.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

namespace plumbline::agent {

bool is_of_memory(int fd) {
  struct statfs system{};
  return ::fstatfs(fd, &system) == 0 && (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC);
}

bool is_of_one_container(int fd) {
  struct statfs system{};
  return is_of_memory(fd) || (::fstatfs(fd, &system) == 0 && system.f_type == OVERLAYFS_SUPER_MAGIC);
}

Fd by_own_mount(int fd) {
  constexpr unsigned clone = 1;  // OPEN_TREE_CLONE of Linux 5.2
  Fd own(static_cast<int>(::syscall(SYS_open_tree, fd, "", clone | O_CLOEXEC | AT_EMPTY_PATH)));
  return own ? std::move(own) : Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

}  // namespace plumbline::agent
