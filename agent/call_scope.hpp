#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "include/abi/abi.h"

namespace plumbline::agent {

/// Whose calls are not looked at: programs in cgroups whose path fits one of some patterns. One thread.
class CallScope {
 public:
  /// `excluded`: globs (text_matches()) of paths below the root of the hierarchy, as in /proc/PID/cgroup.
  explicit CallScope(std::vector<std::string> excluded, std::string proc_root = "/proc")
      : excluded_(std::move(excluded)), proc_root_(std::move(proc_root)) {}

  /// A process that is gone before it could be asked, and whose cgroup nobody was asked of before, is not excluded.
  bool excludes(const mark_actor& actor);

 private:
  const std::vector<std::string> excluded_;
  const std::string proc_root_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, bool> known_;  // by both ids; bounded
};

}  // namespace plumbline::agent
