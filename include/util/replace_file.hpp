// Files that are there whole or not at all, whenever the power goes.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "include/util/fd.hpp"
#include "include/util/result.hpp"

namespace plumbline {

/// 0, or errno.
inline int write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

/// Syncs the folder that `path` is in: what was renamed to it then stays. 0, or errno.
inline int sync_folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const Fd parent(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return !parent || ::fsync(parent.get()) != 0 ? errno : 0;
}

/// Writes PATH.new (0600), syncs it, and puts it in place of what was at `path`.
inline Result<void> replace_file(const std::string& path, std::string_view bytes) {
  const std::string fresh = path + ".new";
  const Fd fd(::open(fresh.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return io_error("write " + fresh, errno, "the folder must be writable");
  if (const int error = write_all(fd.get(), bytes); error != 0)
    return io_error("write " + fresh, error, "make room on its file system");
  if (::fsync(fd.get()) != 0) return io_error("sync " + fresh, errno);
  if (::rename(fresh.c_str(), path.c_str()) != 0) return io_error("replace " + path, errno);
  if (const int error = sync_folder_of(path); error != 0) return io_error("sync the folder of " + path, error);
  return {};
}

}  // namespace plumbline
