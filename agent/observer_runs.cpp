// Runs of a baseline's own tool: who holds the lock of its state or had the state itself, and what became of what they
// changed.
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <limits>

#include "agent/detect/judge.hpp"
#include "agent/observer_types.hpp"

namespace plumbline::agent {
namespace {

constexpr std::int64_t two_ticks = 20'000'000;  // of the slowest kernel clock, CONFIG_HZ=100

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

/// Who made the lock's file changed its directory in the moment that is the file's change time, to a clock tick.
void Observer::look_at_lock(Source& source, const std::vector<Cause>& causes) {
  const Resolution& where = tree_.resolve(*source.lock_watch);
  struct stat status{};
  const bool is_locked = where.exists && ::lstat(where.physical.c_str(), &status) == 0;
  const WallNs changed = WallNs{status.st_ctim.tv_sec} * 1'000'000'000 + status.st_ctim.tv_nsec;
  const mark_actor* who = nullptr;
  std::int64_t nearest = two_ticks;
  std::uint64_t latest = 0;
  for (const auto& cause : causes)
    for (const mark_actor* actor : {&cause.value.first, &cause.value.last}) {
      if (actor->at_boot_ns == 0) continue;
      latest = std::max<std::uint64_t>(latest, actor->at_boot_ns);
      const auto off = std::abs(p_.clock.wall_at_boot(static_cast<std::int64_t>(actor->at_boot_ns)) - changed);
      if (off > nearest) continue;
      nearest = off;
      who = actor;
    }
  if (!is_locked) return runs_.unlocked(source.status.name, latest);
  if (who != nullptr) runs_.locked(source.status.name, *who);
}

/// What was uploaded is fetched at once, and what was read is known to be the state once the agent has fetched it too.
void Observer::take_state_uses(const SeenCall& seen) {
  for (const auto& use : seen.states) {
    const auto known = std::find_if(sources_.begin(), sources_.end(),
                                    [&](const auto& source) { return source->status.name == use.name; });
    if (known == sources_.end() || (*known)->watch) continue;
    if (runs_.had_state(use.name, seen.actor, seen.version, use.wrote) && !use.wrote) continue;
    (*known)->ask_at = p_.clock.boot();
  }
  p_.counters.runs_forgotten = runs_.forgotten();
}

/// A known writer's change that no revision showed in time is drift like anybody's.
void Observer::end_grace() {
  if (!unrecorded_.empty()) return;  // with the next turn
  const WallNs begun_before = p_.clock.wall() - options_.pending_grace_ns;
  std::vector<wire::Drift> ended;
  for (auto& drift : p_.state.drifts()) {
    if (drift.state != wire::DriftState::open || drift.verdict != wire::Verdict::pending ||
        drift.opened_at > begun_before)
      continue;
    const bool sensitive =
        std::any_of(drift.diff.begin(), drift.diff.end(), [](const wire::AttributeDiff& d) { return d.sensitive; });
    drift.verdict = wire::Verdict::out_of_band;
    drift.severity = severity_of(drift.comparison, sensitive);
    drift.updated_at = std::max(p_.clock.wall(), drift.updated_at);
    drift.evidence.push_back({"grace", "no revision of its baseline showed it within " +
                                           std::to_string(options_.pending_grace_ns / 1'000'000'000) +
                                           " s (verdicts.pending_grace)"});
    spdlog::info("event=grace_ended drift={} resource=\"{}\"", drift.id, drift.resource);
    ended.push_back(std::move(drift));
  }
  if (!ended.empty()) record_or_keep({}, std::move(ended), {});
}

}  // namespace plumbline::agent
