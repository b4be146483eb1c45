// Where an open file lies.
#pragma once

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

}  // namespace plumbline::agent
