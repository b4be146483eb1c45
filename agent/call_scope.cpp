#include "agent/call_scope.hpp"

#include <algorithm>
#include <fstream>
#include <string_view>

#include "agent/detect/judge.hpp"

namespace plumbline::agent {
namespace {

constexpr std::size_t max_known = 4096;

}  // namespace

bool CallScope::excludes(const mark_actor& actor) {
  if (excluded_.empty()) return false;
  const std::pair key{actor.cgroup_id, actor.cgroup_v1_id};
  if (const auto known = known_.find(key); known != known_.end()) return known->second;
  // "4:pids:/system.slice/x.service" of the old hierarchies, "0::/system.slice/x.service" of the unified one;
  // cgroups(7)
  std::ifstream lines(proc_root_ + "/" + std::to_string(actor.tgid) + "/cgroup");
  bool is_excluded = false, was_read = false;
  for (std::string line; std::getline(lines, line);) {
    const auto controllers = line.find(':');
    const auto path = controllers == std::string::npos ? controllers : line.find(':', controllers + 1);
    if (path == std::string::npos) continue;
    was_read = true;
    is_excluded |= std::any_of(excluded_.begin(), excluded_.end(), [&](const std::string& glob) {
      return text_matches(glob, std::string_view(line).substr(path + 1));
    });
  }
  if (!was_read) return false;
  if (known_.size() >= max_known) known_.clear();  // all are asked again
  known_.emplace(key, is_excluded);
  return is_excluded;
}

}  // namespace plumbline::agent
