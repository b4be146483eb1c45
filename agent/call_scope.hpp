#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "include/abi/capture.h"

namespace plumbline::agent {

/// Whose calls are not looked at: programs in cgroups whose path, or that of a cgroup which they lie below, fits one of
/// some patterns. One thread.
class CallScope {
 public:
  /// `excluded`: globs (text_glob_matches()) of paths below the root of the hierarchy, as in /proc/PID/cgroup.
  /// In a cgroup namespace of its own an agent reads paths that begin at its own cgroup. Which that is, it looks up in
  /// `cgroup_root`, the host's cgroup2.
  explicit CallScope(std::vector<std::string> excluded, std::string proc_root = "/proc",
                     std::string cgroup_root = "/sys/fs/cgroup");

  /// Of a process in this cgroup, by the name that the kernel side has for it. nullopt: it was gone before it could be
  /// asked, and nobody was asked of its cgroup before.
  std::optional<bool> excludes(const capture_scope& scope, std::uint32_t tgid, std::uint64_t start_boot_ns);

  bool is_empty() const { return excluded_.empty(); }
  struct Counts {
    std::uint64_t cgroups = 0;   ///< that were asked about
    std::uint64_t excluded = 0;  ///< of them, those that are left alone
    std::uint64_t unknown = 0;   ///< times when nobody could be asked, or the answer could not be read
    std::uint64_t unplaced = 0;  ///< of them, those when where the cgroup lies could not be told
  };
  const Counts& counts() const { return counts_; }

 private:
  bool fits(std::string_view path) const;
  void find_own_root(const std::string& cgroup_root);

  const std::vector<std::string> excluded_;
  const std::string proc_root_;
  std::string own_root_;  // of the cgroup2 namespace, below the host's root; "" = it is the host's
  std::map<std::pair<std::uint64_t, std::uint64_t>, bool> known_;         // by both ids; bounded
  std::map<std::pair<std::uint64_t, std::uint64_t>, unsigned> unplaced_;  // how often asked; bounded
  Counts counts_;
};

}  // namespace plumbline::agent
