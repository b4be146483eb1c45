// Runs of a baseline's own tool: who holds the lock of its state or had the state itself, and what became of what they
// changed.
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <tuple>

#include "agent/detect/judge.hpp"
#include "agent/observer_types.hpp"

namespace plumbline::agent {
namespace {

constexpr std::int64_t two_ticks = 20'000'000;  // of the slowest kernel clock, CONFIG_HZ=100

constexpr std::int64_t between_asks = 5'000'000'000;

/// As Terraform and OpenTofu name it, beside the state (internal/states/statemgr/filesystem.go: lockInfoPath).
std::string lock_of(const std::string& state) {
  const std::filesystem::path path(state);
  return (path.parent_path() / ("." + path.filename().string() + ".lock.info")).string();
}

}  // namespace

void Observer::watch_lock(Source& source) {
  if (source.spec.kind != "terraform_state") return;
  source.lock_watch = tree_.add(lock_of(source.spec.path), false);
  lock_watches_[*source.lock_watch] = &source;
}

void Observer::forget_runs(Source& source) {
  runs_.forget(source.status.name);
  if (!source.lock_watch) return;
  lock_watches_.erase(*source.lock_watch);
  tree_.remove(*source.lock_watch);
  source.lock_watch.reset();
}

/// Who made the lock's file changed its directory in the moment that is the file's change time, to a clock tick. Where
/// two programs did, neither is believed; who only touches a lock that is held is nobody.
void Observer::look_at_lock(Source& source, const std::vector<Cause>& causes) {
  const Resolution& where = tree_.resolve(*source.lock_watch);
  struct stat status{};
  const bool is_locked = where.exists && ::lstat(where.physical.c_str(), &status) == 0;
  if (!is_locked) {
    std::uint64_t latest = 0;
    for (const auto& cause : causes) latest = std::max<std::uint64_t>(latest, cause.value.last.at_boot_ns);
    source.lock_inode = 0;
    return runs_.unlocked(source.status.name, latest != 0 ? latest : static_cast<std::uint64_t>(p_.clock.boot()));
  }
  if (source.lock_inode == status.st_ino) return;
  source.lock_inode = status.st_ino;
  const WallNs changed = WallNs{status.st_ctim.tv_sec} * 1'000'000'000 + status.st_ctim.tv_nsec;
  const mark_actor* who = nullptr;
  for (const auto& cause : causes)
    for (const mark_actor* actor : {&cause.value.first, &cause.value.last}) {
      const auto off = std::abs(p_.clock.wall_at_boot(static_cast<std::int64_t>(actor->at_boot_ns)) - changed);
      if (actor->at_boot_ns == 0 || off > two_ticks) continue;
      if (who != nullptr && !same_process(process_of(*who), process_of(*actor)))
        return runs_.unlocked(source.status.name, actor->at_boot_ns);
      who = actor;
    }
  if (who != nullptr) runs_.locked(source.status.name, *who);
}

/// What was uploaded is fetched at once, and what was read is known to be the state once the agent has fetched it too.
void Observer::take_state_uses(const SeenCall& seen) {
  for (const auto& use : seen.states) {
    const auto known = std::find_if(sources_.begin(), sources_.end(),
                                    [&](const auto& source) { return source->status.name == use.name; });
    if (known == sources_.end() || (*known)->watch) continue;
    if (runs_.had_state(use.name, seen.actor, seen.version, use.wrote) && !use.wrote) continue;
    if (!(*known)->keeper) continue;  // the collector fetches it, as often as it is told to
    // Anybody may say that it wrote one: a flood of that is no flood of fetches.
    const std::int64_t now = p_.clock.boot();
    std::int64_t& allowed = (*known)->ask_for_calls_from;
    if ((*known)->ask_at != 0) continue;
    (*known)->ask_at = std::max(now, allowed);
    allowed = (*known)->ask_at + between_asks;
  }
  p_.counters.runs_forgotten = runs_.forgotten();
}

/// The file's own mark knows its writer; a directory's tells who put another file there.
void Observer::note_writer(Source& source, const std::vector<Cause>& causes) {
  const Cause* best = nullptr;
  for (const auto& cause : causes)
    if (best == nullptr || (best->of_directory && !cause.of_directory)) best = &cause;
  source.written_by = best == nullptr ? process_key{} : process_of(best->value.last);
}

void Observer::remember_run(const std::string& resource, const std::string& baseline, const process_key& process) {
  constexpr std::size_t most = 4096;
  if (run_of_.size() >= most) run_of_.clear();  // what they did is then to be shown by a revision
  run_of_[{baseline, resource}] = process;
}

/// Whether the revision that is taken now is what the run wrote that made this drift.
bool Observer::is_written_by_run_of(const Source& source, const wire::Drift& drift) const {
  const auto run = run_of_.find({drift.baseline, drift.resource});
  if (run == run_of_.end()) return false;
  if (!source.watch) return runs_.wrote(source.status.name, run->second);
  return same_process(source.written_by, run->second);
}

/// A known writer's change that no revision showed in time is drift like anybody's. The time begins with the first such
/// change since the revision in force: who puts it back and does it again begins no new one.
void Observer::end_grace() {
  if (!unrecorded_.empty()) return;  // with the next turn
  const auto drifts = p_.state.drifts();
  const auto waits = [](const wire::Drift& d) {
    return d.state == wire::DriftState::open && d.verdict == wire::Verdict::pending;
  };
  if (std::none_of(drifts.begin(), drifts.end(), waits)) return;
  using Of = std::tuple<std::string, std::string, std::string>;
  const auto of = [](const wire::Drift& d) { return Of{d.baseline, d.resource, d.where.path}; };
  std::map<Of, WallNs> begun;
  for (const auto& drift : drifts) {
    if (drift.verdict != wire::Verdict::pending || drift.state == wire::DriftState::accepted) continue;
    const auto source = std::find_if(sources_.begin(), sources_.end(),
                                     [&](const auto& each) { return each->status.name == drift.baseline; });
    const bool is_former = source != sources_.end() && drift.opened_at < (*source)->status.moved_at;
    if (is_former && !waits(drift)) continue;
    auto [first, is_new] = begun.try_emplace(of(drift), drift.opened_at);
    if (!is_new) first->second = std::min(first->second, drift.opened_at);
  }
  std::vector<wire::Drift> ended;
  for (auto drift : drifts) {
    if (!waits(drift) || begun[of(drift)] > p_.clock.wall() - options_.pending_grace_ns) continue;
    const bool sensitive =
        std::any_of(drift.diff.begin(), drift.diff.end(), [](const wire::AttributeDiff& d) { return d.sensitive; });
    drift.verdict = wire::Verdict::out_of_band;
    drift.severity = severity_of(drift.comparison, sensitive);
    drift.updated_at = std::max(p_.clock.wall(), drift.updated_at);
    drift.evidence.push_back({"grace", "no revision of its baseline showed it within " +
                                           std::to_string(options_.pending_grace_ns / 1'000'000'000) +
                                           " s of the first such change (verdicts.pending_grace)"});
    spdlog::info("event=grace_ended drift={} resource=\"{}\"", drift.id, drift.resource);
    ended.push_back(std::move(drift));
  }
  if (!ended.empty()) record_or_keep({}, std::move(ended), {});
}

}  // namespace plumbline::agent
