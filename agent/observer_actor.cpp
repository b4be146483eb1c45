// Who made a change: from the marks that tell of it to the actor of a finding.
#include <algorithm>
#include <cstring>

#include "agent/approved_runs.hpp"
#include "agent/observer_types.hpp"

namespace plumbline::agent {
namespace {

/// One process, and one program in it: what it executed before is somebody else.
bool same_actor(const mark_actor& a, const mark_actor& b) {
  return a.tgid == b.tgid && a.start_boot_ns == b.start_boot_ns && std::memcmp(&a.image, &b.image, sizeof a.image) == 0;
}

}  // namespace

/// What is known of an approval of who made it. `may_explain`: there is drift of it, which ends with a grace.
ApprovalState Observer::approval_of(const wire::Finding& finding, const mark_actor* by, bool may_explain) {
  if (approved_ == nullptr) return {};
  if (by == nullptr || approved_->is_empty()) return approved_->none();
  auto state = approved_->of(finding, p_.enricher.lineage(*by), by->at_boot_ns);
  state.explains = state.explains && may_explain;
  return state;
}

/// Who made the last change, within `causes`; nullptr: nobody knows.
const mark_actor* Observer::describe_actor(Subject& subject, const std::vector<Cause>& causes, bool replaced,
                                           wire::Finding& finding, std::vector<HandledMark>& handled) {
  const Cause* best = nullptr;
  // How far a cause is from the moment in which another inode took the file's place: the old one's removal, or the
  // directory's change that put it there. Its change time tells, to a clock tick.
  const auto distance = [&](const Cause& cause) {
    return std::abs(p_.clock.wall_at_boot(static_cast<std::int64_t>(cause.value.last.at_boot_ns)) -
                    subject.live.change_time_ns);
  };
  finding.changes = 0;
  for (const auto& cause : causes) {
    if (!cause.of_directory) {
      finding.changes += cause.changes;
      handled.push_back({epoch_, cause.mark.key.ino, cause.mark.key.subvolume, cause.mark.key.dev,
                         p_.kernel.handled(cause.mark.slot) + cause.changes, cause.mark.generation});
    }
    // The file's own mark knows its author; a directory's latest change may be a neighbour's.
    const bool better = best == nullptr || (replaced ? distance(cause) < distance(*best)
                                                     : (best->of_directory && !cause.of_directory) ||
                                                           (best->of_directory == cause.of_directory &&
                                                            cause.value.last.at_boot_ns > best->value.last.at_boot_ns));
    if (better) best = &cause;
  }
  if (best == nullptr || best->value.last.at_boot_ns == 0) {
    if (finding.actor.unknown_reason.empty())
      finding.actor.unknown_reason =
          "no hook saw this change: " + std::string(causes.empty() ? "found by comparing" : "its mark holds no actor");
    finding.missing_evidence.push_back("actor");
    p_.counters.actors_unknown.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  if (finding.changes == 0) finding.changes = best->of_directory ? 1 : best->changes;
  p_.counters.changes.fetch_add(finding.changes, std::memory_order_relaxed);
  const mark_actor& last = best->value.last;
  finding.at = p_.clock.wall_at_boot(static_cast<std::int64_t>(last.at_boot_ns));
  finding.actor = p_.enricher.actor(last, finding.missing_evidence);
  name_merged_writers(*best, finding);
  finding.evidence.push_back({"mark", best->of_directory
                                          ? "the directory's mark told of it; the file is another inode now"
                                          : "the file's own mark told of it, " + std::to_string(finding.changes) +
                                                (finding.changes == 1 ? " change" : " changes merged")});
  if (best->of_directory && best->changes > 1)
    finding.missing_evidence.push_back("actor of this very entry: " + std::to_string(best->changes) +
                                       " changes of its directory were merged, the last one's actor is shown");
  telling_[best->mark.slot] = {best->mark.key.ino, last.at_boot_ns, best->value.handovers, best->value.raced};
  return &last;
}

/// The kernel side begins anew with `first` and `handovers` only when all is acknowledged: until then a part of them
/// is an earlier finding's. An actor that was given up to another CPU's may be anybody.
void Observer::name_merged_writers(const Cause& cause, wire::Finding& finding) {
  const struct mark& value = cause.value;
  Told told;
  if (const auto it = told_.find(cause.mark.slot); it != told_.end() && it->second.ino == cause.mark.key.ino)
    told = it->second;
  const bool anew = value.first.at_boot_ns > told.until;
  finding.handovers = value.raced - std::min<std::uint64_t>(told.raced, value.raced);
  if (cause.changes == 1) return;
  finding.handovers += value.handovers - (anew ? 0 : std::min<std::uint64_t>(told.handovers, value.handovers));
  if (!cause.of_directory && anew && !same_actor(value.first, value.last))
    finding.first_actor = p_.enricher.process(value.first);
}

void Observer::begin_batch() {
  covered_.clear();
  for (const auto& [slot, told] : telling_) told_[slot] = told;
  telling_.clear();
}

}  // namespace plumbline::agent
