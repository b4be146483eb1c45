// The root of the cgroup v2 hierarchy, wherever it is mounted.
#pragma once

#include "include/util/fd.hpp"
#include "include/util/result.hpp"

namespace plumbline::agent {

/// Opens the hierarchy's own root, of which every process on the node is a part: hybrid hosts mount it elsewhere than
/// at /sys/fs/cgroup, or not at all, and a container may see a part of it only. Errors: there is none, or it is not to
/// be had here. Any thread.
Result<Fd> open_cgroup_root();

}  // namespace plumbline::agent
