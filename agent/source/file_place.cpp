#include "agent/source/file_place.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <string_view>
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

Fd open_mapped(const std::string& process, std::uint64_t start, std::uint64_t end) {
  std::array<char, 40> range{};  // as the kernel writes it: "%lx-%lx"
  std::snprintf(range.data(), range.size(), "%lx-%lx", static_cast<unsigned long>(start),
                static_cast<unsigned long>(end));
  const std::string link = process + "/map_files/" + range.data();
  Fd file(::open(link.c_str(), O_PATH | O_CLOEXEC));
  if (file || errno != EPERM) return file;
  std::array<char, PATH_MAX> path{};
  const ssize_t size = ::readlink(link.c_str(), path.data(), path.size());
  const Fd root(::open((process + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (size <= 0 || !root) return Fd();
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_CACHED;  // the last of Linux 5.12: waits for nobody
  const std::string inside(path.data(), static_cast<std::size_t>(size));
  return Fd(static_cast<int>(::syscall(SYS_openat2, root.get(), inside.c_str(), &how, sizeof how)));
}

}  // namespace plumbline::agent
