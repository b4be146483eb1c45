// Start: state and marks of an earlier agent, first comparison, snapshots.
#include <fcntl.h>
#include <spdlog/spdlog.h>

#include <sys/stat.h>
#include <unistd.h>
#include <filesystem>

#include <algorithm>

#include "agent/observer_rollbacks.hpp"
#include "baseline/path_glob.hpp"
#include "include/util/fd.hpp"
#include "include/util/file_time.hpp"

namespace plumbline::agent {
namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::size_t replay_records = 500;
constexpr std::size_t replay_bytes = 4 << 20;
constexpr std::uint32_t no_slot = 0xffffffff;

}  // namespace

Result<void> Observer::start() {
  const WallNs stopped_since = last_alive();
  calls_unwatched_since_ = stopped_since;
  epoch_ = p_.kernel.read_control().epoch;
  if (p_.kernel.adopted())
    for (const auto& marked : p_.kernel.adopted_marks()) orphans_[marked.value.path_hash].push_back(marked);
  restore();
  restore_runs();
  const std::int64_t now = p_.clock.boot();
  next_rescan_ = now + options_.rescan_interval_ns;
  next_housekeeping_ = now + 10 * second;
  std::error_code no_path;
  own_folder_ = std::filesystem::canonical(options_.state_dir, no_path).string();
  if (no_path) own_folder_ = options_.state_dir;
  {
    const PublishOnce once(*this);
    for (const bool pattern : {false, true})  // a match whose name another has is left out
      for (const auto& spec : options_.sources) {
        if (baseline::is_pattern(spec.path) != pattern) continue;
        if (pattern)
          add_pattern(spec, false);
        else
          add_source(spec, nullptr, false);
      }
    publish_sources();
  }
  start_handed();
  forget_unwanted_indexes();
  first_check(stopped_since);
  touch_alive();
  if (auto written = checkpoint(); !written)  // as at run time: a full disk is waited out
    spdlog::warn("event=checkpoint_failed why=\"{}\"", written.error().message());
  return {};
}

/// Drift of what no baseline manages any more, since it changed while the agent was down. Once all of that is known.
void Observer::accept_unmanaged() {
  // What the collector hands out may have taken over what this node read itself.
  if (handout_ && (!handout_->loaded || handout_->from_disk || !handed_left_.empty())) return;
  // What these manage is not known now.
  std::set<std::string> unknown;
  for (const auto& source : sources_)
    if (!source->status.loaded || source->status.from_disk) unknown.insert(source->spec.name);
  for (const auto& pattern : patterns_)
    if (!pattern->damage.empty() || pattern->look_at != 0 || !pattern->found.empty())
      unknown.insert(pattern->spec.name);
  if (unmanaged_looked_for_ == unknown) return;
  unmanaged_looked_for_ = unknown;
  const std::vector<std::string> names(unknown.begin(), unknown.end());
  std::set<DriftOf> managed;
  for (const auto& [id, subject] : subjects_) {
    DriftOf of = subject->drift_of();
    managed.insert(of);
    of.baseline.clear();  // as an older agent wrote it
    managed.insert(std::move(of));
  }
  std::vector<wire::Drift> gone;
  for (const auto& drift : p_.state.drifts()) {
    if (handed_ && fetch::is_missing(handed_->missing, drift.baseline)) continue;
    if (drift.baseline.empty() ? !unknown.empty() : fetch::is_missing(names, drift.baseline)) continue;
    if (drift.kind == "call" && may_be_managed(drift)) continue;
    const DriftOf of = key_of(drift);
    if (!is_live(drift.state) || managed.contains(of)) continue;
    auto accepted = p_.state.with_book([&](const DriftBook& book) {
      return book.accepted(of, p_.clock.wall(),
                           drift.where.container ? "its container is gone, or no baseline manages it there any more"
                                                 : "no baseline manages it any more");
    });
    if (accepted) gone.push_back(std::move(*accepted));
  }
  if (!gone.empty()) record_or_keep({}, std::move(gone), {});
}

/// What was kept of baselines that were taken out of the configuration while no agent ran: as if it had.
void Observer::forget_unwanted_indexes() {
  std::set<std::string> wanted;
  for (const auto& source : sources_)
    if (source->keeper) wanted.insert(source->keeper->kept_file());
  const auto removed = fetch::remove_unwanted(options_.state_dir + "/baselines",
                                              [&](const std::string& file) { return wanted.contains(file); });
  if (removed > 0)
    spdlog::info("event=indexes_forgotten count={} why=\"no baseline is configured to have them\"", removed);
}

/// Snapshot, then what the spool has after it. Marks that a durable finding covers were handled, whatever their state
/// says.
void Observer::restore() {
  const std::string path = options_.state_dir + "/state.json";
  std::uint64_t covered = 0;
  if (auto snapshot = read_snapshot(path)) {
    covered = snapshot->sequence;
    for (const auto& drift : snapshot->drifts) p_.state.restore_drift(drift);
  } else if (snapshot.error().code != ErrorCode::not_found) {
    ::rename(path.c_str(), (path + ".corrupt").c_str());
    spdlog::warn("event=snapshot_unreadable why=\"{}\"", snapshot.error().message());
  }
  checkpointed_ = covered;
  std::map<std::uint32_t, std::uint64_t> handled;
  for (std::uint64_t after = 0;;) {
    auto records = p_.spool.read(after, replay_records, replay_bytes);
    if (!records || records->empty()) {
      if (!records) spdlog::warn("event=spool_unreadable why=\"{}\"", records.error().message());
      break;
    }
    for (const auto& record : *records) {
      after = record.sequence;
      Replayed replayed;
      if (auto read = replay(record, replayed); !read) {
        p_.counters.replay_errors.fetch_add(1, std::memory_order_relaxed);
        spdlog::warn("event=replay_failed why=\"{}\"", read.error().message());
        continue;
      }
      p_.state.restore(record, replayed.findings.empty() ? nullptr : replayed.findings.data(),
                       replayed.drifts.empty() ? nullptr : replayed.drifts.data(),
                       replayed.gaps.empty() ? nullptr : replayed.gaps.data(), record.sequence > covered);
      for (const auto& m : replayed.marks) {
        if (m.epoch != epoch_) continue;
        mark_key key{};
        key.ino = m.ino;
        key.subvolume = m.subvolume;
        key.dev = m.dev;
        const auto mark = p_.kernel.read_mark(key);
        if (mark && m.inode_generation.value_or(mark->generation) == mark->generation)
          handled[mark->slot] = std::max(handled[mark->slot], m.generation);
      }
    }
  }
  for (const auto& [slot, generation] : handled)
    if (p_.kernel.handled(slot) < generation && generation <= p_.kernel.pending(slot))
      p_.kernel.acknowledge(slot, generation);
}

void Observer::first_check(WallNs stopped_since) {
  std::set<WatchId> all;
  for (const auto& [id, subject] : subjects_) all.insert(id);
  const bool first_start = stopped_since == 0;
  const bool kept = p_.kernel.adopted();
  // Generations are read before the files are, so that a change during the check stays pending.
  std::map<std::uint32_t, std::uint64_t> generation;
  for (const std::uint32_t slot : p_.kernel.sweep()) generation[slot] = p_.kernel.pending(slot);
  const std::size_t changed = scan(all, "scan",
                                   first_start ? "changed before the agent first watched it"
                                   : kept      ? "changed while the agent was down, and no mark was on it"
                                               : "changed while the agent was down and its marks were lost");
  const bool recorded = unrecorded_.empty() && rescan_soon_ == 0;
  const auto held = held_slots();
  if (recorded)
    for (const auto& [slot, seen] : generation)
      if (!held.contains(slot)) acknowledge(slot, seen);
  drop_retired();
  accept_unmanaged();
  if (rollbacks_) rollbacks_->remember();
  // Marks of paths that nobody manages any more.
  if (recorded)
    for (const auto& [hash, marks] : orphans_)
      for (const auto& old : marks) tree_.release_unused({old.key, old.value.generation, old.value.slot});
  orphans_.clear();
  if (recorded) {
    const auto pending = p_.kernel.sweep();
    if (!pending.empty()) handle(pending);
  }
  wire::Gap gap;
  gap.reason = first_start ? "start" : kept ? "agent_stopped" : "marks_lost";
  gap.scope = "node";
  gap.from = first_start ? p_.clock.wall() : stopped_since;
  gap.until = p_.clock.wall();
  gap.checked = all.size();
  gap.changed = changed;
  const bool moment = kept && p_.kernel.carried_over();
  gap.detail = first_start ? "nothing is known of the time before"
               : moment
                   ? "the kernel side kept watching until this agent, whose limits are others, took its place: what "
                     "changed in that moment was found by comparing, without its actor"
               : kept ? "the kernel side kept watching, changes and their actors were taken over"
                      : "no hook ran in between; what changed was found by comparing, without its actor";
  keep_gap(gap);
  if (const auto spool = p_.spool.status(); spool.corrupt_records > 0) {
    gap.reason = "spool_damaged";
    gap.checked = gap.changed = 0;
    gap.detail = std::to_string(spool.corrupt_records) + " records of the spool could not be read back (" +
                 std::to_string(spool.quarantined_bytes) + " bytes are kept beside it): their findings are lost";
    spdlog::error("event=spool_damaged records={} bytes={} kept={}/spool", spool.corrupt_records,
                  spool.quarantined_bytes, options_.state_dir);
    keep_gap(gap);
  }
  p_.state.set_health("first_check", true, std::to_string(all.size()) + " files compared");
  spdlog::info("event=first_check files={} findings={} adopted={}", all.size(), changed, kept);
}

/// What an earlier agent's marks still know: the file that stood here before, and who replaced it.
void Observer::add_orphans(const Subject& subject, std::vector<Cause>& causes) const {
  const auto of = [&](const std::string& path) -> const std::vector<MarkedInode>* {
    const auto found = orphans_.find(WatchTree::path_hash(path, subject.container_id()));
    return found == orphans_.end() ? nullptr : &found->second;
  };
  if (const auto* orphans = of(subject.expected.path))
    for (const auto& old : *orphans)
      if (old.changes > 0 && old.value.slot != slot_of(subject)) causes.push_back(as_cause(old));
  // … or who put another one there. On an overlay the one of the layer below stays as it was, and the folders on the
  // way may be others too.
  std::string folder = subject.expected.path;
  while (folder.size() > 1 && (subject.container || !causes.empty())) {
    folder.resize(std::max<std::size_t>(folder.rfind('/'), 1));
    if (const auto* around = of(folder))
      for (const auto& old : *around)
        if (old.changes > 0) causes.push_back(as_cause(old));
    if (!subject.container) break;
  }
}

Cause Observer::as_cause(const MarkedInode& old) {
  return {{old.key, old.value.generation, old.value.slot}, old.value, old.changes, true};
}

std::uint32_t Observer::slot_of(const Subject& subject) {
  return subject.leaf.empty() ? no_slot : subject.leaf.front().slot;
}

std::int64_t Observer::last_alive() const {
  return modified_at(options_.state_dir + "/alive");
}

void Observer::touch_alive() const {
  const Fd fd(::open((options_.state_dir + "/alive").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  if (fd) ::futimens(fd.get(), nullptr);
}

Result<void> Observer::checkpoint() {
  keep_runs();
  const std::uint64_t last = p_.state.last_sequence();
  if (last == checkpointed_) return {};
  const Snapshot snapshot{last, p_.state.drifts()};
  if (auto written = write_snapshot(options_.state_dir + "/state.json", snapshot); !written) return written.error();
  checkpointed_ = last;
  if (options_.local_only)
    if (auto done = p_.spool.acknowledge(last); !done) return done.error();
  return p_.spool.checkpoint(last);
}

}  // namespace plumbline::agent
