#include "agent/observer.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "agent/decode/kernel_event.hpp"
#include "agent/observer_rollbacks.hpp"

namespace plumbline::agent {
namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::size_t batch_slots = 256;  // bounds how long one turn takes
constexpr std::int64_t retry_after = second / 2;
constexpr std::int64_t settle_after = second;  // direct and asynchronous I/O may land after its event
constexpr std::int64_t source_longest = 2 * second;
constexpr std::int64_t longest_unsettled = 3 * second;
constexpr int most_turns = 16;  // of one call: other marks wait meanwhile

bool same_leaf(const std::vector<NodeMark>& a, const std::vector<NodeMark>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const NodeMark& x, const NodeMark& y) {
    return x.key.ino == y.key.ino && x.key.dev == y.key.dev && x.key.subvolume == y.key.subvolume &&
           x.generation == y.generation;
  });
}

bool is_below(const std::string& path, const std::string& folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

bool same_diff(const std::vector<wire::AttributeDiff>& a, const std::vector<wire::AttributeDiff>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.attribute == y.attribute && x.expected == y.expected && x.live == y.live;
  });
}

}  // namespace

Observer::Observer(ObserverOptions options, ObserverParts parts, Judge judge)
    : options_(std::move(options)), p_(parts), judge_(std::move(judge)), tree_(parts.kernel) {}
Observer::~Observer() = default;

void Observer::on_ring() {
  std::set<std::uint32_t> slots;
  p_.kernel.consume([&](std::span<const std::byte> sample) {
    p_.counters.samples.fetch_add(1, std::memory_order_relaxed);
    const auto event = decode(sample);
    if (!event) {
      p_.counters.samples_bad.fetch_add(1, std::memory_order_relaxed);
    } else if (const auto* wake = std::get_if<Wake>(&*event)) {
      slots.insert(wake->slot);
    } else if (const auto* made = std::get_if<CgroupMade>(&*event)) {
      p_.containers.on_cgroup(made->id, made->v1, made->path);
    }
  });
  copy_kernel_counters();
  p_.state.beat(p_.clock.boot());
  std::vector<std::uint32_t> batch;
  for (const std::uint32_t slot : slots) {
    batch.push_back(slot);
    if (batch.size() == batch_slots) handle(std::exchange(batch, {}));
  }
  if (!batch.empty()) handle(std::move(batch));
  if (const auto lost = p_.counters.kernel_wakes_lost.load(); lost != known_lost_) {
    known_lost_ = lost;
    sweep();
  }
}

void Observer::sweep() {
  p_.counters.sweeps.fetch_add(1, std::memory_order_relaxed);
  const auto slots = p_.kernel.sweep();
  for (std::size_t at = 0; at < slots.size(); at += batch_slots) {
    const auto from = slots.begin() + static_cast<std::ptrdiff_t>(at);
    handle({from, from + static_cast<std::ptrdiff_t>(std::min(batch_slots, slots.size() - at))});
  }
}

/// One batch: look, record durably, and only then acknowledge what was seen. What changes meanwhile keeps its slot
/// pending, and the loop takes it up again; a crash anywhere leaves the slots pending too.
void Observer::handle(std::vector<std::uint32_t> slots) {
  for (int turn = 0;; ++turn) {
    if (turn == most_turns) {
      retry_.insert(slots.begin(), slots.end());
      next_retry_ = p_.clock.boot();
      return;
    }
    if (!flush_unrecorded()) {
      retry_.insert(slots.begin(), slots.end());
      return;
    }
    // A wake-up may come late, after a scan or an earlier turn covered its change.
    std::erase_if(slots, [&](std::uint32_t slot) { return p_.kernel.pending(slot) == p_.kernel.handled(slot); });
    if (slots.empty()) return;
    std::map<std::uint32_t, std::uint64_t> generation;
    for (const std::uint32_t slot : slots) generation[slot] = p_.kernel.pending(slot);
    begin_batch();
    const auto affected = tree_.affected_by(slots);

    std::vector<Pending> pending;
    std::set<Source*> moved_sources;
    std::set<std::uint32_t> unsettled, held;
    for (const auto& [watch, causes] : affected) {
      if (const auto source = source_watches_.find(watch); source != source_watches_.end()) {
        moved_sources.insert(source->second);
        note_writer(*source->second, causes);
        continue;
      }
      if (const auto lock = lock_watches_.find(watch); lock != lock_watches_.end()) {
        look_at_lock(*lock->second, causes);
        continue;
      }
      if (const auto folder = pattern_watches_.find(watch); folder != pattern_watches_.end()) {
        folder->second->look_at = once_quiet(p_.clock.boot(), folder->second->moved_at, source_quiet, source_longest);
        continue;
      }
      if (const auto pods = pods_watches_.find(watch); pods != pods_watches_.end()) {
        Source& source = *pods->second;
        tree_.resolve(watch);  // the folder may just have been made
        source.ask_at = once_quiet(p_.clock.boot(), source.pods_moved_at, source_quiet, source_longest);
        continue;
      }
      if (runtime_watches_.contains(watch)) {
        tree_.resolve(watch);
        look_at_containers_soon();
        continue;
      }
      const auto subject = subjects_.find(watch);
      if (subject == subjects_.end()) continue;
      auto seen = observe(*subject->second, causes, "kernel");
      hold_slots(watch, causes, generation, held);
      if (subject->second->live.unsettled)
        for (const auto& cause : causes) unsettled.insert(cause.mark.slot);
      else if (seen)
        pending.push_back(std::move(*seen));
    }
    for (const auto& [slot, seen] : generation) {
      if (unsettled.contains(slot)) {
        retry_.insert(slot);
        next_retry_ = p_.clock.boot() + retry_after;
      } else if (!held.contains(slot)) {
        covered_.try_emplace(slot, seen);
      }
    }
    std::erase_if(slots, [&](std::uint32_t slot) { return unsettled.contains(slot) || held.contains(slot); });
    if (!record_or_keep(std::move(pending), {}, std::exchange(covered_, {}))) {
      retry_.insert(slots.begin(), slots.end());
      for (Source* source : moved_sources) source->retry_at = next_retry_;
      return;
    }
    // Not at once: who writes it in place is in the middle of it, and half a manifest may read as a whole one.
    for (Source* source : moved_sources)
      source->retry_at = once_quiet(p_.clock.boot(), source->moved_at, source_quiet, source_longest);
  }
}

/// Never backwards: a generation that is handled stays so.
void Observer::acknowledge(std::uint32_t slot, std::uint64_t generation) {
  if (p_.kernel.handled(slot) < generation) p_.kernel.acknowledge(slot, generation);
}

/// What the file's own marks hold in this moment. The kernel side writes the actor and then moves the generation, so
/// the two belong together where the generation stands still around the copy.
std::map<std::uint32_t, Observer::Seen> Observer::look_at_marks(const Resolution& where) const {
  std::map<std::uint32_t, Seen> seen;
  for (const auto& mark : where.leaf) {
    Seen& now = seen[mark.slot];
    now.mark = mark;
    for (int tries = 0; tries < 8; ++tries) {
      now.generation = p_.kernel.pending(mark.slot);
      if (auto value = p_.kernel.read_mark(mark.key)) now.value = *value;
      if (p_.kernel.pending(mark.slot) == now.generation) break;
    }
  }
  return seen;
}

/// Every change that the reading saw is in its finding, whether or not it was the reason for it: a scan may be the
/// first to come by, and a second writer may come between the wake-up and the reading.
void Observer::add_leaf_causes(const std::map<std::uint32_t, Seen>& seen, std::vector<Cause>& causes) {
  for (const auto& [slot, now] : seen) {
    const auto [known, fresh] = covered_.try_emplace(slot, now.generation);
    if (!fresh) known->second = std::min(known->second, now.generation);
    const std::uint64_t handled = p_.kernel.handled(slot);
    if (now.generation <= handled) continue;
    const auto of_slot = [wanted = slot](const Cause& c) { return c.mark.slot == wanted && !c.of_directory; };
    const auto cause = std::find_if(causes.begin(), causes.end(), of_slot);
    const Cause current{now.mark, now.value, now.generation - handled, false};
    if (cause == causes.end())
      causes.push_back(current);
    else
      *cause = current;
  }
}

/// Reads and compares one subject; a Pending where that makes a finding. `causes` is empty for a scan, and `source`
/// what stands for it in a finding that no hook told of.
std::optional<Observer::Pending> Observer::observe(Subject& subject, std::vector<Cause> causes,
                                                   const std::string& source) {
  p_.counters.observations.fetch_add(1, std::memory_order_relaxed);
  if (!subject.why_no_image.empty()) return cannot_compare(subject, subject.why_no_image);
  const Resolution where = tree_.resolve(subject.watch);
  if (!subject.container && is_below(where.physical, own_folder_))
    return leave_alone(subject, "it is below the agent's own state_dir");
  const bool directory = !subject.expected.absent_entries.empty();
  const bool by_orphans = !subject.checked && !causes.empty();  // marks of what stood here before
  LiveFile live;
  std::map<std::uint32_t, Seen> seen;
  if (!where.trouble.empty()) {
    live.kind = LiveFile::Kind::unreadable;
    live.trouble = where.trouble;
  } else if (where.exists) {
    ReadRequest request = needs(subject.expected, options_.max_file_bytes);
    // Only where every change moves the ctime does a quiet ctime prove that nothing came in between.
    if (p_.kernel.tier() == Tier::ctime && !where.composed)
      request.in_window = [&] { seen = look_at_marks(where); };
    else
      seen = look_at_marks(where);
    live = read(subject, where, std::move(request));
  }
  if (container_is_gone(subject)) return std::nullopt;
  if (live.unsettled) {
    p_.counters.unsettled.fetch_add(1, std::memory_order_relaxed);
    const std::int64_t now = p_.clock.boot();
    if (subject.unsettled_since == 0) subject.unsettled_since = now;
    if (now - subject.unsettled_since < longest_unsettled) {
      subject.live.unsettled = true;
      return std::nullopt;
    }
    // Nobody hides a change by changing it again and again: that it cannot be read is told, and by whom.
    live = {};
    live.kind = LiveFile::Kind::unreadable;
    live.trouble = "it kept changing for " + std::to_string(longest_unsettled / second) + " s while it was read";
  }
  subject.unsettled_since = 0;
  const Comparison comparison = compare(subject.expected, live, *subject.source->key, p_.users);
  if (pod_is_not_there(subject, live)) return std::nullopt;
  if (comparison.result == wire::ComparisonResult::mismatch &&
      ask_first(subject, live, comparison, seen, causes, source))
    return std::nullopt;
  stop_waiting(subject, causes);

  if (!directory) add_leaf_causes(seen, causes);
  const bool by_kernel = std::any_of(causes.begin(), causes.end(), [](const Cause& c) { return !c.of_directory; });
  // Reached by a bind mount: what the agent writes are its records, and each would make the next. The kernel side's ids
  // are of the initial pid namespace, and so are ours: elsewhere the registering of inodes, and with it the start,
  // fails.
  const bool rolls_back = rollbacks_ && rollbacks_->may_be_writing(subject);
  if (by_kernel && !rolls_back && std::all_of(causes.begin(), causes.end(), [](const Cause& c) {
        return c.of_directory || c.value.last.tgid == static_cast<std::uint32_t>(::getpid());
      }))
    return leave_alone(subject, "the agent itself writes it");
  const bool replaced = !same_leaf(subject.leaf, where.leaf);
  const bool differs =
      comparison.result != subject.comparison.result || !same_diff(comparison.diff, subject.comparison.diff);
  const bool first = !subject.checked;
  subject.live = std::move(live);
  subject.comparison = comparison;
  subject.leaf = where.leaf;
  subject.physical = where.physical;
  subject.unwatched = where.unwatched;
  subject.last_checked = p_.clock.wall();
  subject.checked = true;
  publish(subject);
  if (rollbacks_) rollbacks_->keep_while_right(subject);

  // A directory's change concerns an entry only where the entry is another one now; a scan or a new baseline only where
  // the answer is another one than the drift that is on record.
  if (!by_kernel) {
    if (!causes.empty() && !first) {
      if (!differs && (!replaced || subject.live.kind == LiveFile::Kind::directory)) return std::nullopt;
    } else {
      const bool known = p_.state.with_book([&](const DriftBook& book) {
        const auto* open = book.open_drift(subject.drift_of());
        if (open == nullptr) return comparison.result == wire::ComparisonResult::match;
        if (comparison.result == wire::ComparisonResult::not_comparable) return true;
        return comparison.result == wire::ComparisonResult::mismatch && same_diff(open->diff, comparison.diff);
      });
      if (known) return std::nullopt;
    }
  } else if (subject.live.kind == LiveFile::Kind::regular) {
    settle_[subject.watch] = p_.clock.boot() + settle_after;
  }

  Pending pending;
  wire::Finding& f = pending.finding;
  f.resource = subject.expected.address;
  f.observed_at = subject.last_checked;
  f.at = f.observed_at;
  f.source = causes.empty() ? source : "kernel";
  f.comparison = comparison.result;
  f.diff = comparison.diff;
  f.where.node = options_.identity.node;
  f.where.path = subject.expected.path;
  if (subject.container) f.where.container = subject.container->told();
  if (where.physical != subject.expected.path && where.exists) f.where.aliases.push_back(where.physical);
  f.baseline = wire::BaselineRef{subject.source->status.name, subject.source->status.revision};
  for (const auto& left_out : {comparison.why_not, comparison.unknown_names})
    if (!left_out.empty()) f.missing_evidence.push_back("comparison: " + left_out);
  const auto* by = describe_actor(subject, causes, (replaced || by_orphans) && where.exists, f, pending.marks);
  judge_(f, subject.expected.sensitive, "", approval_of(f, by, true));
  if (rolls_back) rollbacks_->explain(subject, by, f);
  pending.watch = subject.watch;
  // A baseline that moved while the agent was down: nobody saw it move, the drift's own record tells.
  pending.baseline_moved = p_.state.with_book([&](const DriftBook& book) {
    const auto* open = book.open_drift(subject.drift_of());
    return open != nullptr && !still_expects(subject.expected, open->diff);
  });
  return pending;
}

/// Compares without a kernel event; returns how many findings that made. Where the spool has no room for them they wait
/// in unrecorded_, and the files that were not looked at for it are left unchecked for a scan soon.
std::size_t Observer::scan(const std::set<WatchId>& ids, const std::string& source, const std::string& unknown_actor) {
  std::size_t found = 0;
  std::vector<Pending> pending;
  const auto flush = [&] {
    found += pending.size();
    return record_or_keep(std::exchange(pending, {}), {}, std::exchange(covered_, {}));
  };
  begin_batch();
  bool room = flush_unrecorded();
  for (const WatchId id : ids) {
    const auto it = subjects_.find(id);
    if (it == subjects_.end()) continue;
    Subject& subject = *it->second;
    subject.checked = false;
    if (!room) continue;  // unchecked: taken up by the next scan
    std::vector<Cause> causes;
    add_orphans(subject, causes);
    auto seen = observe(subject, causes, source);
    if (const auto waiting = waiting_.find(id); waiting != waiting_.end())
      waiting->second.unknown_actor = unknown_actor;
    if (!seen) continue;
    if (!seen->finding.actor.process) seen->finding.actor.unknown_reason = unknown_actor;
    pending.push_back(std::move(*seen));
    if (pending.size() == batch_slots) room = flush();
  }
  if (room) room = flush();
  if (!room) rescan_soon_ = p_.clock.boot() + retry_after;
  return found;
}

/// What cannot be watched without end: a blind spot, and no finding.
std::optional<Observer::Pending> Observer::leave_alone(Subject& subject, const char* why) {
  subject.comparison = {};
  subject.comparison.result = wire::ComparisonResult::not_comparable;
  subject.unwatched = why;
  subject.checked = true;
  publish(subject);
  return std::nullopt;
}

/// As leave_alone(), of what is watched.
std::optional<Observer::Pending> Observer::cannot_compare(Subject& subject, const std::string& why) {
  subject.comparison = {};
  subject.comparison.result = wire::ComparisonResult::not_comparable;
  subject.comparison.why_not = why;
  subject.last_checked = p_.clock.wall();
  subject.checked = true;
  publish(subject);
  return std::nullopt;
}

void Observer::publish(Subject& subject) {
  p_.state.put_row(subject.key(), {subject.expected,
                                   {subject.source->status.name, subject.source->status.revision},
                                   subject.live,
                                   subject.comparison,
                                   subject.last_checked,
                                   subject.unwatched,
                                   subject.source->key,
                                   subject.container ? std::optional(subject.container->told()) : std::nullopt});
}

void Observer::copy_kernel_counters() {
  const control c = p_.kernel.read_control();
  p_.counters.kernel_changes = c.changes;
  p_.counters.kernel_wakes = c.wakes;
  p_.counters.kernel_wakes_lost = c.wakes_lost;
  p_.counters.kernel_actors_raced = c.actors_raced;
  p_.counters.kernel_processes_lost = c.processes_lost;
  p_.counters.kernel_cgroups_lost = c.cgroups_lost;
  p_.counters.digests_unreadable = p_.enricher.digests_unreadable();
  p_.counters.cgroups_forgotten = p_.containers.forgotten();
  p_.counters.marks = p_.kernel.marks_used();
  p_.counters.watches = tree_.watches();
  if (c.cgroups_lost != known_cgroups_lost_) {
    known_cgroups_lost_ = c.cgroups_lost;
    p_.containers.on_lost();
  }
}

}  // namespace plumbline::agent
