#include "agent/kernel_facts.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include "include/util/fd.hpp"
#include "include/util/file_time.hpp"

namespace plumbline::agent {

/// Looks before it opens: a container chose the path, and opening a device or a FIFO does something.
OpenExecutable opener(Kernel& kernel) {
  return [&kernel](const std::string& root, const std::string& path) -> std::optional<OpenedExecutable> {
    Fd found;
    if (root.empty()) {
      found = Fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
    } else {
      const Fd top(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
      open_how how{};
      how.flags = O_PATH | O_CLOEXEC;
      how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
      if (top) found = Fd(static_cast<int>(::syscall(SYS_openat2, top.get(), path.c_str(), &how, sizeof how)));
    }
    if (!found) return std::nullopt;
    const auto stat = kernel.stat(found.get(), "", AT_EMPTY_PATH);
    if (!stat || !S_ISREG(stat->stat.stx_mode)) return std::nullopt;
    Fd fd(::open(("/proc/self/fd/" + std::to_string(found.get())).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return std::nullopt;
    OpenedExecutable opened;
    opened.key = stat->inodes[0].key;
    opened.shown.ino = stat->stat.stx_ino;
    opened.shown.dev = (stat->stat.stx_dev_major << 20) | stat->stat.stx_dev_minor;
    opened.generation = stat->composed ? 0 : stat->inodes[0].generation;
    opened.change_time_ns = ns_of(stat->stat.stx_ctime);
    opened.fd = fd.release();
    return opened;
  };
}

}  // namespace plumbline::agent
