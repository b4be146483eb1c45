// Files in the volumes of pods (docs/decisions/0014-pods-of-a-node.md): what is missing because a pod starts or ended
// is no drift, and of what differs the API server is asked first, as kubelet and this agent learn of a change in any
// order.
#include <sys/stat.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "agent/observer_types.hpp"
#include "baseline/kubelet.hpp"

namespace plumbline::agent {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t longest_answer = 10 * second;
constexpr std::int64_t until_gone_is_known = 2 * second;  // the volumes of a pod go just before its end is told
constexpr std::int64_t longest_start = 600 * second;      // of a node with all its pods
// kubelet looks at a mounted object once a minute, and its cache may be a minute old.
constexpr std::int64_t longest_follow = 180 * second;
constexpr std::int64_t retry_after = second / 2;

bool is_there(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}

/// The earlier of two times of which 0 is none.
std::int64_t sooner(std::int64_t known, std::int64_t fresh) {
  return known == 0 ? fresh : std::min(known, fresh);
}

bool same_diff(const std::vector<wire::AttributeDiff>& a, const std::vector<wire::AttributeDiff>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.attribute == y.attribute && x.expected == y.expected && x.live == y.live;
  });
}

void add_cause(std::vector<Cause>& causes, const Cause& fresh) {
  for (auto& known : causes)
    if (known.mark.slot == fresh.mark.slot) {
      known = fresh;
      return;
    }
  causes.push_back(fresh);
}

}  // namespace

/// A pod that appears or goes is a folder that does: the source is asked at once, not at its interval.
void Observer::watch_pods(Source& source) {
  source.pods_watch = tree_.add(source.spec.kubelet_dir + "/pods", true);
  pods_watches_[*source.pods_watch] = &source;
}

void Observer::forget_pods(Source& source) {
  if (!source.pods_watch) return;
  pods_watches_.erase(*source.pods_watch);
  tree_.remove(*source.pods_watch);
  source.pods_watch.reset();
}

/// Whether the file is missing because its pod is not there (yet, or any more): nothing is said of it until it comes.
bool Observer::pod_is_not_there(Subject& subject, const LiveFile& live) {
  if (subject.source->status.kind != "kubernetes") return false;
  subject.seen = subject.seen || live.kind != LiveFile::Kind::missing;
  if (live.kind != LiveFile::Kind::missing) return false;
  const auto folders = baseline::volume_folders(subject.source->spec.kubelet_dir, subject.expected.path);
  if (!folders) return false;
  // kubelet puts `..data` into the volume once all that it points to is written.
  const bool volume = is_there(std::string(folders->volume) + "/..data");
  const bool starts =
      !volume && !subject.seen && (subject.expected.awaited || p_.clock.boot() - subject.managed_since < longest_start);
  if (!starts && is_there(std::string(folders->pod))) return false;
  waiting_.erase(subject.watch);
  subject.live = live;
  subject.leaf.clear();
  subject.comparison = {};
  subject.comparison.result = wire::ComparisonResult::not_comparable;
  subject.comparison.why_not = starts ? "kubelet has not made the pod's volume" : "the pod is not there";
  subject.last_checked = p_.clock.wall();
  subject.checked = false;  // it will be looked at as for the first time
  publish(subject);
  return true;
}

/// Whether it is right by what the baseline said until just now: kubelet follows within two minutes.
bool Observer::follows(Subject& subject, const LiveFile& live) {
  return subject.former && p_.clock.boot() < subject.former_until &&
         compare(*subject.former, live, *subject.source->key, p_.users).result == wire::ComparisonResult::match;
}

/// Whether a difference is kept back until the API server has told what should be now. True: it is in waiting_.
bool Observer::ask_first(Subject& subject, const LiveFile& live, const Comparison& comparison,
                         const std::map<std::uint32_t, Seen>& seen, const std::vector<Cause>& causes,
                         const std::string& source) {
  Source& of = *subject.source;
  if (!of.pods_watch || subject.asked) return false;
  const bool told = p_.state.with_book([&](const DriftBook& book) {
    const auto* open = book.open_drift(subject.drift_of());
    return open != nullptr && same_diff(open->diff, comparison.diff);
  });
  if (told) return false;
  Waiting& waiting = waiting_[subject.watch];
  const bool fresh = waiting.until == 0 || waiting.follows;  // nobody was asked for it
  waiting.follows = follows(subject, live);
  if (fresh || waiting.follows) {
    waiting.source = source;
    waiting.until = waiting.follows ? subject.former_until : p_.clock.boot() + longest_answer;
  }
  for (const auto& cause : causes) add_cause(waiting.causes, cause);
  for (const auto& [slot, now] : seen) {
    const auto handled = p_.kernel.handled(slot);
    if (now.generation <= handled) continue;
    // What kubelet is to do next would wake nobody where the mark stays pending.
    if (!waiting.follows) waiting.generations[slot] = now.generation;
    add_cause(waiting.causes, {now.mark, now.value, now.generation - handled, false});
  }
  if (waiting.follows || (!fresh && causes.empty())) return true;
  const std::int64_t later = live.kind == LiveFile::Kind::missing ? until_gone_is_known : 0;
  waiting.since = Steady::now() + std::chrono::nanoseconds(later);
  of.ask_at = sooner(of.ask_at, p_.clock.boot() + later);
  return true;
}

/// The file is right again, or what it is will be told now: with all that was seen of it.
void Observer::stop_waiting(Subject& subject, std::vector<Cause>& causes) {
  const auto it = waiting_.find(subject.watch);
  if (it == waiting_.end()) return;
  std::vector<Cause> all = std::move(it->second.causes);
  for (const auto& cause : causes) add_cause(all, cause);
  causes = std::move(all);
  for (const auto& [slot, generation] : it->second.generations) covered_.try_emplace(slot, generation);
  waiting_.erase(it);
}

/// Marks of what waits are not acknowledged before it is told: an agent that ends meanwhile loses nothing.
void Observer::hold_slots(WatchId watch, const std::vector<Cause>& causes,
                          const std::map<std::uint32_t, std::uint64_t>& generation, std::set<std::uint32_t>& held) {
  const auto it = waiting_.find(watch);
  if (it == waiting_.end() || it->second.follows) return;
  for (const auto& cause : causes) {
    const auto seen = generation.find(cause.mark.slot);
    if (seen == generation.end()) continue;
    it->second.generations[seen->first] = seen->second;
    held.insert(seen->first);
  }
}

std::set<std::uint32_t> Observer::held_slots() const {
  std::set<std::uint32_t> held;
  for (const auto& [watch, waiting] : waiting_)
    for (const auto& [slot, generation] : waiting.generations) held.insert(slot);
  return held;
}

void Observer::answered(const std::string& name, Steady::time_point began) {
  std::set<WatchId> ids;
  for (const auto& [watch, waiting] : waiting_) {
    Source& source = *subjects_.at(watch)->source;
    if (waiting.follows || source.status.name != name) continue;
    if (waiting.since <= began)
      ids.insert(watch);
    else  // it moved since; this answer is not for it
      source.ask_at = sooner(
          source.ask_at,
          p_.clock.boot() + std::max<std::int64_t>(std::chrono::nanoseconds(waiting.since - Steady::now()).count(), 0));
  }
  tell_waiting(ids);
}

void Observer::tell_waiting(const std::set<WatchId>& ids) {
  if (ids.empty()) return;
  begin_batch();
  const bool room = flush_unrecorded();
  std::vector<Pending> pending;
  std::set<std::uint32_t> slots;
  for (const WatchId id : ids) {
    const auto subject = subjects_.find(id);
    if (subject == subjects_.end()) continue;
    Waiting waiting = waiting_.at(id);
    if (!room) {
      waiting_[id].until = p_.clock.boot() + retry_after;
      continue;
    }
    subject->second->asked = true;
    auto seen = observe(*subject->second, {}, waiting.source);
    subject->second->asked = false;
    if (waiting_.contains(id)) {  // it is being written to
      waiting_[id].until = p_.clock.boot() + retry_after;
      continue;
    }
    for (const auto& [slot, generation] : waiting.generations) slots.insert(slot);
    if (!seen) continue;
    if (!seen->finding.actor.process) seen->finding.actor.unknown_reason = waiting.unknown_actor;
    pending.push_back(std::move(*seen));
  }
  record_or_keep(std::move(pending), {}, std::exchange(covered_, {}));
  // What changed since has woken nobody, as its mark was pending.
  for (const auto slot : slots)
    if (p_.kernel.pending(slot) != p_.kernel.handled(slot)) retry_.insert(slot);
  if (!retry_.empty()) next_retry_ = std::min(next_retry_, p_.clock.boot());
}

void Observer::on_pods_timer() {
  const std::int64_t now = p_.clock.boot();
  for (const auto& source : sources_) {
    if (source->ask_at == 0 || now < std::max(source->ask_at, source->ask_not_before)) continue;
    source->ask_at = source->pods_moved_at = 0;
    source->ask_not_before = now + second;
    if (now < source->stack_moves_until) follow_stack(*source);
    if (ask_again_) ask_again_(source->status.name, false);  // else its first fetch is still to come
  }
  std::set<WatchId> overdue;
  for (auto& [watch, waiting] : waiting_) {
    if (now < waiting.until) continue;
    overdue.insert(watch);
  }
  tell_waiting(overdue);
}

std::int64_t Observer::pods_due() const {
  std::int64_t due = std::numeric_limits<std::int64_t>::max();
  for (const auto& source : sources_)
    if (source->ask_at != 0) due = std::min(due, std::max(source->ask_at, source->ask_not_before));
  for (const auto& [watch, waiting] : waiting_) due = std::min(due, waiting.until);
  return due;
}

/// The same file with another expectation. What was found out about it goes on.
void Observer::replace_subject(Source& source, Subject& before, const baseline::FileExpectation& expected) {
  const WatchId old = before.watch;
  const bool seen = before.seen;
  std::unique_ptr<const baseline::FileExpectation> former;
  std::int64_t former_until = 0;
  if (source.pods_watch && before.checked && before.comparison.result == wire::ComparisonResult::match) {
    former = std::make_unique<const baseline::FileExpectation>(before.expected);
    former_until = p_.clock.boot() + longest_follow;
  }
  const Wanted wanted{&expected, before.container};
  auto waiting = waiting_.extract(old);
  remove_subject(old);
  Subject& after = add_subject(source, wanted);
  after.seen = seen;
  after.former = std::move(former);
  after.former_until = former_until;
  if (waiting.empty()) return;
  waiting.key() = after.watch;
  waiting_.insert(std::move(waiting));
}

}  // namespace plumbline::agent
