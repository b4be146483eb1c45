// Who holds the lock by which a tool keeps others from a state, and what the next agent has to know of it.
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "agent/correlate/runs_file.hpp"
#include "agent/observer_types.hpp"

namespace plumbline::agent {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t between_writes = 1'000'000'000;
constexpr std::int64_t two_ticks = 20'000'000;  // of the slowest kernel clock, CONFIG_HZ=100

/// Where a checkpoint of Pulumi's own backends is locked: .pulumi/stacks/PROJECT/STACK.json by files in the folder
/// .pulumi/locks/organization/PROJECT/STACK (pkg/backend/diy/lock.go of pulumi/pulumi 3.260); before there were
/// projects, .pulumi/stacks/STACK.json in .pulumi/locks/STACK.
std::string pulumi_locks(const fs::path& path) {
  std::string stack = path.filename().string();
  for (const std::string_view end : {".gz", ".json"})
    if (stack.ends_with(end)) stack.resize(stack.size() - end.size());
  const fs::path parent = path.parent_path();
  if (parent.filename() == "stacks") return (parent.parent_path() / "locks" / stack).string();
  if (parent.parent_path().filename() != "stacks") return "";  // an export: nobody locks it
  return (parent.parent_path().parent_path() / "locks/organization" / parent.filename() / stack).string();
}

/// The file or folder that says that a state is locked; "" = its kind has none. Terraform's and OpenTofu's is a file
/// beside the state (internal/states/statemgr/filesystem.go: lockInfoPath).
std::string lock_of(const baseline::SourceSpec& spec) {
  const fs::path path(spec.path);
  if (spec.kind == "pulumi") return pulumi_locks(path);
  if (spec.kind != "terraform_state") return "";
  return (path.parent_path() / ("." + path.filename().string() + ".lock.info")).string();
}

/// The lock that stands at `path`. In a folder of locks it is the one that is known (`known`, an inode), or the only
/// one: of two that were made at once both give way.
std::optional<LockFile> lock_file(const std::string& path, std::uint64_t known) {
  constexpr int most = 1024;
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
  if (S_ISDIR(status.st_mode)) {
    std::error_code error;
    std::optional<LockFile> only;
    int count = 0, looked = 0;
    for (fs::directory_iterator each(path, error), end; !error && each != end && looked < most; each.increment(error)) {
      ++looked;
      if (each->path().extension() != ".json" || !each->is_regular_file(error)) continue;
      const auto lock = lock_file(each->path().string(), 0);
      if (!lock) continue;
      if (lock->inode == known) return lock;
      only = lock;
      ++count;
    }
    return count == 1 ? only : std::nullopt;
  }
  return LockFile{status.st_ino, WallNs{status.st_ctim.tv_sec} * 1'000'000'000 + status.st_ctim.tv_nsec};
}

}  // namespace

void Observer::watch_lock(Source& source) {
  const std::string lock = lock_of(source.spec);
  if (lock.empty()) return;
  source.lock_watch = tree_.add(lock, false);
  lock_watches_[*source.lock_watch] = &source;
  look_at_lock(source, {});
}

void Observer::forget_runs(Source& source) {
  runs_.forget(source.status.name);
  if (!source.lock_watch) return;
  lock_watches_.erase(*source.lock_watch);
  tree_.remove(*source.lock_watch);
  source.lock_watch.reset();
  source.lock = {};
}

/// Who made the lock's file changed its directory in the moment that is the file's change time, to a clock tick. Where
/// that tells nobody (the lock was there before the agent), or two programs, the kernel's table of locks does, as the
/// tools also lock the state itself with fcntl. Who only touches a lock that is held is nobody.
void Observer::look_at_lock(Source& source, const std::vector<Cause>& causes) {
  const std::string& name = source.status.name;
  const Resolution& where = tree_.resolve(*source.lock_watch);
  const auto lock = where.exists ? lock_file(where.physical, source.lock.inode) : std::nullopt;
  const auto now = static_cast<std::uint64_t>(p_.clock.boot());
  if (!lock) {
    std::uint64_t latest = 0;
    for (const auto& cause : causes) latest = std::max<std::uint64_t>(latest, cause.value.last.at_boot_ns);
    source.lock = {};
    return runs_.unlocked(name, latest != 0 ? latest : now);
  }
  if (source.lock.inode == lock->inode) return;
  source.lock = *lock;
  if (runs_.holds(name, *lock)) return;  // as an earlier agent saw
  const mark_actor* who = nullptr;
  bool several = false;
  for (const auto& cause : causes)
    for (const mark_actor* actor : {&cause.value.first, &cause.value.last}) {
      const auto off = std::abs(p_.clock.wall_at_boot(static_cast<std::int64_t>(actor->at_boot_ns)) - lock->changed);
      if (actor->at_boot_ns == 0 || off > two_ticks) continue;
      several = several || (who != nullptr && !same_process(process_of(*who), process_of(*actor)));
      who = actor;
    }
  if (who != nullptr && !several) return runs_.locked(name, *who, *lock);
  const auto since =
      now - static_cast<std::uint64_t>(std::clamp(p_.clock.wall() - lock->changed, std::int64_t{0}, p_.clock.boot()));
  runs_.unlocked(name, since);
  if (const auto holder = p_.enricher.lock_holder(source.spec.path)) {
    spdlog::info("event=run_found name={} pid={} why=\"it holds the lock of the state\"", name, holder->key.tgid);
    runs_.locked(name, holder->key, holder->comm, since, *lock);
  }
}

/// Of an earlier agent in the same life of the machine. Runs by a lock are held against the lock once it is watched.
void Observer::restore_runs() {
  const std::string path = options_.state_dir + "/runs.json";
  auto kept = read_runs(path, options_.identity.boot_id);
  if (!kept) {
    if (kept.error().code != ErrorCode::not_found)
      spdlog::warn("event=runs_unreadable why=\"{}\"", kept.error().message());
    return;
  }
  runs_.take_over(std::move(*kept), [this](const process_key& key) { return p_.enricher.is_alive(key); });
  kept_runs_ = runs_.changes();
  if (runs_.size() > 0) spdlog::info("event=runs_restored count={}", runs_.size());
}

/// At once, that a kill loses none; but a run of thousands of calls is no thousand writes.
void Observer::keep_runs() {
  if (kept_runs_ == runs_.changes()) return;
  kept_runs_ = runs_.changes();
  keep_runs_from_ = p_.clock.boot() + between_writes;
  if (auto written = write_runs(options_.state_dir + "/runs.json", options_.identity.boot_id, runs_.keep()); !written)
    spdlog::warn("event=runs_not_kept why=\"{}\"", written.error().message());
}

}  // namespace plumbline::agent
