// Runs of a baseline's own tool: who holds the lock of its state or had the state itself, and what became of what they
// changed.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "agent/detect/judge.hpp"
#include "agent/observer_types.hpp"

namespace plumbline::agent {
namespace {

constexpr std::int64_t between_asks = 5'000'000'000;
constexpr std::int64_t stack_takes = 3'600'000'000'000;
constexpr std::int64_t stack_asked_at_least_each = 120'000'000'000;

}  // namespace

/// What was uploaded is fetched at once, and what was read is known to be the state once the agent has fetched it too.
void Observer::take_state_uses(const SeenCall& seen) {
  for (const auto& use : seen.states) {
    const auto known = std::find_if(sources_.begin(), sources_.end(),
                                    [&](const auto& source) { return source->status.name == use.name; });
    if (known == sources_.end() || (*known)->watch) continue;
    if (use.of == fetch::StateUse::Of::lease) {
      runs_.leased(use.name, seen.actor, seen.lock_held);
      continue;
    }
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

/// Whether a call has AWS change a stack that is a baseline: that is the way through the IaC, and what AWS then does is
/// shown by the stack alone. It takes minutes, and up to an hour for databases; meanwhile it is asked for again.
bool Observer::is_of_own_stack(const SeenCall& seen) {
  if (seen.call.outcome != "succeeded" && seen.call.outcome != "unknown") return false;
  if (!seen.made_for.empty()) return false;  // nothing changes yet
  const std::string stack = seen.stack.empty() ? change_sets_.stack_of(seen.change_set) : seen.stack;
  if (stack.empty()) return false;
  bool found = false;
  for (const auto& source : sources_) {
    const auto id = source->status.revision.find("stack_id");
    if (source->status.kind != "cloudformation" || id == source->status.revision.end()) continue;
    // arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/UUID
    const std::string& arn = id->second;
    const std::string place = ":" + seen.call.region + ":" + seen.call.account;
    const bool is_here = seen.call.region.empty() || arn.find(place) != std::string::npos;
    if (arn != stack && !(is_here && arn.find(":stack/" + stack + "/") != std::string::npos)) continue;
    found = true;
    if (!source->keeper || source->watch) continue;  // a file is read when it changes
    source->stack_moves_until = p_.clock.boot() + stack_takes;
    source->stack_asked_each = between_asks;
    follow_stack(*source);
  }
  return found;
}

void Observer::follow_stack(Source& source) const {
  const std::int64_t next = p_.clock.boot() + source.stack_asked_each;
  source.ask_at = source.ask_at == 0 ? next : std::min(source.ask_at, next);
  source.stack_asked_each = std::min(2 * source.stack_asked_each, stack_asked_at_least_each);
}

/// The file's own mark knows its writer; a directory's tells who put another file there.
void Observer::note_writer(Source& source, const std::vector<Cause>& causes) {
  const Cause* best = nullptr;
  for (const auto& cause : causes)
    if (best == nullptr || (best->of_directory && !cause.of_directory)) best = &cause;
  source.written_by = best == nullptr ? process_key{} : process_of(best->value.last);
}

/// Whether the revision that is taken now is what the run wrote that made this drift.
bool Observer::is_written_by_run_of(const Source& source, const wire::Drift& drift) const {
  const auto run = runs_.who_did(drift.baseline, drift.resource);
  if (!run) return false;
  if (!source.watch) return runs_.wrote(source.status.name, *run);
  return same_process(source.written_by, *run);
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
