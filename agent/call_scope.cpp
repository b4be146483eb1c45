#include "agent/call_scope.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

#include "agent/detect/judge.hpp"
#include "include/util/glob.hpp"

namespace plumbline::agent {
namespace {

constexpr std::size_t max_known = 4096;
constexpr unsigned again_after = 64;  // requests of a cgroup of which it is not known where it lies

/// As /proc says it, in clock ticks since the machine started.
std::uint64_t ticks_of(std::uint64_t boot_ns) {
  return boot_ns / (1'000'000'000u / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK)));
}

/// proc(5), /proc/pid/stat: the 22nd field, counted from behind the name, which may hold anything. 0 = nobody is there.
std::uint64_t started_at(const std::string& proc_root, std::uint32_t tgid) {
  std::ifstream file(proc_root + "/" + std::to_string(tgid) + "/stat");
  std::string line, field;
  std::getline(file, line);
  const auto name_ends = line.rfind(')');
  if (name_ends == std::string::npos) return 0;
  std::istringstream fields(line.substr(name_ends + 1));
  for (int i = 3; i < 22; ++i) fields >> field;
  std::uint64_t ticks = 0;
  fields >> ticks;
  return ticks;
}

constexpr std::string_view of_cgroup2 = "0::";  // begins its line in /proc/PID/cgroup

bool has_process(const std::filesystem::path& cgroup, pid_t pid) {
  std::ifstream members(cgroup / "cgroup.procs");
  for (std::string line; std::getline(members, line);)
    if (line == std::to_string(pid)) return true;
  return false;
}

/// `seen` as it is read in a namespace whose root is `own`: "/../x" lies beside that. "" = above what can be named.
std::string below_root(const std::string& own, std::string_view seen) {
  std::string path = own;
  while (!seen.empty()) {
    seen.remove_prefix(1);
    const auto part = seen.substr(0, seen.find('/'));
    seen.remove_prefix(part.size());
    if (part == ".." && path.empty()) return "";
    if (part == "..")
      path.erase(path.rfind('/'));
    else if (!part.empty())
      path.append("/").append(part);
  }
  return path.empty() ? "/" : path;
}

}  // namespace

CallScope::CallScope(std::vector<std::string> excluded, std::string proc_root, std::string cgroup_root)
    : excluded_(std::move(excluded)), proc_root_(std::move(proc_root)) {
  if (!excluded_.empty()) find_own_root(cgroup_root);
}

/// Once: some hundreds of small files, where the namespace is not the host's.
void CallScope::find_own_root(const std::string& cgroup_root) {
  namespace fs = std::filesystem;
  std::ifstream lines(proc_root_ + "/self/cgroup");
  std::string own;
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(of_cgroup2)) own = line.substr(of_cgroup2.size());
  if (own == "/") own.clear();
  std::error_code error;
  const std::string mount = fs::exists(cgroup_root + "/unified", error) ? cgroup_root + "/unified" : cgroup_root;
  if (!fs::exists(mount + "/cgroup.controllers", error) || has_process(mount + own, ::getpid())) return;
  auto it = fs::recursive_directory_iterator(mount, fs::directory_options::skip_permission_denied, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    if (!it->is_directory(error) || !has_process(it->path(), ::getpid())) continue;
    const std::string path = it->path().string().substr(mount.size());
    if (path.ends_with(own)) own_root_ = path.substr(0, path.size() - own.size());
    return;
  }
}

/// A service's or a pod's own cgroups below its cgroup are it, too.
bool CallScope::fits(std::string_view path) const {
  for (;;) {
    if (std::any_of(excluded_.begin(), excluded_.end(),
                    [&](const std::string& glob) { return text_glob_matches(glob, path); }))
      return true;
    const auto slash = path.rfind('/');
    if (slash == std::string_view::npos || slash == 0) return false;
    path = path.substr(0, slash);
  }
}

std::optional<bool> CallScope::excludes(const capture_scope& scope, std::uint32_t tgid, std::uint64_t start_boot_ns) {
  if (excluded_.empty()) return false;
  const std::pair key{scope.cgroup_id, scope.cgroup_v1_id};
  if (const auto known = known_.find(key); known != known_.end()) return known->second;
  // It may be moved, so it is looked at again, though not at each request.
  if (const auto tried = unplaced_.find(key); tried != unplaced_.end() && ++tried->second % again_after != 0)
    return std::nullopt;
  // "4:pids:/system.slice/x.service" of the old hierarchies, "0::/system.slice/x.service" of the unified one;
  // cgroups(7)
  std::ifstream lines(proc_root_ + "/" + std::to_string(tgid) + "/cgroup");
  bool is_excluded = false, was_read = false, is_placed = true;
  for (std::string line; std::getline(lines, line);) {
    const auto controllers = line.find(':');
    const auto path = controllers == std::string::npos ? controllers : line.find(':', controllers + 1);
    if (path == std::string::npos) continue;
    const auto seen = std::string_view(line).substr(path + 1);
    const bool is_unified = line.starts_with(of_cgroup2);
    const std::string whole = is_unified ? below_root(own_root_, seen) : std::string(seen);
    was_read = true;
    is_placed &= !whole.empty();
    is_excluded |= is_placed && fits(whole);
  }
  // The number may be another process's by now, in another cgroup.
  if (!was_read || started_at(proc_root_, tgid) != ticks_of(start_boot_ns)) {
    ++counts_.unknown;
    return std::nullopt;
  }
  if (!is_placed && !is_excluded) {
    ++counts_.unknown;
    ++counts_.unplaced;
    if (unplaced_.size() >= max_known) unplaced_.clear();
    unplaced_.try_emplace(key, 0);
    return std::nullopt;
  }
  if (known_.size() >= max_known) known_.clear();  // all are asked again
  known_.emplace(key, is_excluded);
  ++counts_.cgroups;
  counts_.excluded += is_excluded ? 1 : 0;
  return is_excluded;
}

}  // namespace plumbline::agent
