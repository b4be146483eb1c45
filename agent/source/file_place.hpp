// Where an open file lies.
#pragma once

#include <cstdint>
#include <string>

#include "include/util/fd.hpp"

namespace plumbline::agent {

/// Whoever can make a file system of memory chooses its numbers of inodes, and so makes files that are alike.
bool is_of_memory(int fd);

/// A container's own: its overlay, and what it has in memory.
bool is_of_one_container(int fd);

/// The same file by a mount of its own, which nobody sees and nobody has to unmount: a hook keeps what it was made
/// through. Only of our own mount namespace, and with CAP_SYS_ADMIN; else the file as it is. None: no descriptor is
/// left.
Fd by_own_mount(int fd);

/// A file that a process has mapped from `start` to `end`, opened with O_PATH; `process` is "/proc/PID". With
/// CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN it is the kernel's own link. Without it is what lies at the path that the
/// link says, inside the process's own root, which may be another file by now: the caller compares. None: nothing is
/// mapped there any more, or its path takes asking whoever serves it.
Fd open_mapped(const std::string& process, std::uint64_t start, std::uint64_t end);

}  // namespace plumbline::agent
