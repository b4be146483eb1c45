// Who holds a lock on a file, as the kernel's own table says.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace plumbline::agent {

/// The process with a POSIX write lock (fcntl(2), F_SETLK) on this inode, in the text of /proc/locks (proc_locks(5);
/// fs/locks.c, lock_get_status). nullopt: none has, or several have a part of it. Who only waits for one, has none.
/// `device`: that of the file system, which is stat(2)'s but for file systems that give each file another (btrfs).
std::optional<std::uint32_t> write_locker(std::string_view locks, dev_t device, ino_t inode);

/// The same of the file at `path`. At most 4 MiB of the table are read.
std::optional<std::uint32_t> write_locker(const std::string& proc_root, const std::string& path);

}  // namespace plumbline::agent
