// What the observing thread does because time has passed.
#include <malloc.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "agent/approved_runs.hpp"
#include "agent/observer_rollbacks.hpp"
#include "fetch/file_origin.hpp"

namespace plumbline::agent {
namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t retry_after = second / 2;
constexpr std::int64_t housekeeping = 10 * second;
constexpr std::int64_t mount_quiet = second;  // a starting container mounts many times
constexpr std::int64_t mount_longest = 5 * second;

}  // namespace

void Observer::on_mounts_changed() {
  rescan_soon_ = once_quiet(p_.clock.boot(), mounts_moved_at_, mount_quiet, mount_longest);
}

std::int64_t Observer::due_in_ns() const {
  std::int64_t due = std::min(next_housekeeping_, next_rescan_);
  if (!retry_.empty() || !unrecorded_.empty()) due = std::min(due, next_retry_);
  if (rescan_soon_ != 0) due = std::min(due, rescan_soon_);
  for (const auto& [watch, at] : settle_) due = std::min(due, at);
  for (const auto& source : sources_)
    if (source->retry_at != 0) due = std::min(due, source->retry_at);
  for (const auto& pattern : patterns_)
    if (pattern->look_at != 0 || !pattern->found.empty())
      due = std::min(due, pattern->found.empty() ? pattern->look_at : 0);
  if (!handed_left_.empty()) due = 0;
  if (kept_runs_ != runs_.changes()) due = std::min(due, keep_runs_from_);
  due = std::min(due, pods_due());
  if (rollbacks_) due = std::min(due, rollbacks_->due());
  if (look_at_containers_at_ != 0) due = std::min(due, look_at_containers_at_);
  return std::max<std::int64_t>(due - p_.clock.boot(), 0);
}

/// Of sources, not of managed files.
void Observer::follow_moved(const std::set<WatchId>& moved) {
  const std::int64_t now = p_.clock.boot();
  for (const auto& [watch, source] : source_watches_)
    if (moved.contains(watch)) read_soon(*source);
  for (const auto& [watch, pattern] : pattern_watches_)
    if (moved.contains(watch)) pattern->look_at = now;
  for (const auto& [watch, source] : lock_watches_)
    if (moved.contains(watch)) look_at_lock(*source, {});
  for (const auto& [watch, source] : pods_watches_)
    if (moved.contains(watch)) {
      tree_.resolve(watch);
      source->ask_at = now;
    }
}

/// Where no mark could tell: another host writes it, or all marks were in use.
void Observer::look_at_sources() {
  const PublishOnce once(*this);
  for (const auto& [watch, source] : source_watches_)
    if (fetch::file_version(source->status.path) != source->version) read_soon(*source);
}

/// Not at once: who writes it may be in the middle of it. Nor all of them in one turn.
void Observer::read_soon(Source& source) {
  if (source.retry_at == 0) source.retry_at = p_.clock.boot() + source_quiet;
}

void Observer::on_timer() {
  const PublishOnce once(*this);
  const std::int64_t now = p_.clock.boot();
  p_.state.beat(now);
  copy_kernel_counters();
  if ((!retry_.empty() || !unrecorded_.empty()) && now >= next_retry_) {
    next_retry_ = now + retry_after;
    const auto slots = std::exchange(retry_, {});
    handle({slots.begin(), slots.end()});
  }
  std::set<WatchId> settled;
  std::erase_if(settle_, [&](const auto& entry) {
    if (entry.second > now) return false;
    settled.insert(entry.first);
    return true;
  });
  if (!settled.empty()) scan(settled, "kernel", "the change settled after its event: direct or asynchronous I/O");
  for (auto& source : sources_) {
    if (source->retry_at == 0 || now < source->retry_at) continue;
    load_source(*source, true);
    if (p_.clock.boot() - now > load_budget) break;  // the others are still due: with the next turn
  }
  if (!handed_left_.empty()) take_rest_of_handed(true);
  if (now >= keep_runs_from_) keep_runs();
  for (auto& pattern : patterns_)
    if (!pattern->found.empty())
      take_matches(*pattern, true);
    else if (pattern->look_at != 0 && now >= pattern->look_at)
      look_for_matches(*pattern, true, false);
  on_pods_timer();
  if (look_at_containers_at_ != 0 && now >= look_at_containers_at_) look_at_containers();
  if (rollbacks_) rollbacks_->look();
  if (rescan_soon_ != 0 && now >= rescan_soon_) {
    rescan_soon_ = mounts_moved_at_ = 0;
    sweep();  // what marks know is told with who did it, before comparing finds it without: each container mounts
    auto moved = tree_.verify_all();
    follow_moved(moved);
    for (const auto& [id, subject] : subjects_)
      if (!subject->checked) moved.insert(id);
    p_.counters.rescans.fetch_add(1, std::memory_order_relaxed);
    if (const auto changed = scan(moved, "scan", "found after a mount change"); changed > 0)
      keep_gap({"", "mount_changed", "node", p_.clock.wall() - mount_quiet, p_.clock.wall(), moved.size(), changed,
                "what stands at these paths was replaced without a change of their inodes"});
    drop_retired();
  }
  if (now >= next_rescan_) {
    next_rescan_ = now + options_.rescan_interval_ns;
    trim_due_ = true;
    sweep();
    p_.counters.rescans.fetch_add(1, std::memory_order_relaxed);
    follow_moved(tree_.verify_all());
    look_at_sources();
    for (auto& pattern : patterns_) pattern->look_at = now;
    std::set<WatchId> all;
    for (const auto& [id, subject] : subjects_) all.insert(id);
    if (const auto changed = scan(all, "scan", "found by the rescan, no hook saw it"); changed > 0)
      keep_gap({"", "unseen_change", "node", p_.clock.wall() - options_.rescan_interval_ns, p_.clock.wall(), all.size(),
                changed, "the rescan found changes that no hook had told of"});
    drop_retired();
  }
  if (now >= next_housekeeping_) {
    next_housekeeping_ = now + housekeeping;
    touch_alive();
    if (!runtime_watches_.empty()) look_at_containers();  // one whose end its runtime did not note
    end_grace();
    if (approved_ != nullptr) approved_->sweep();
    accept_unmanaged();  // where what is managed was not known at the start
    // glibc keeps what was freed between live blocks. Here and not on another thread: it locks the arena that this one
    // allocates from, so we would wait either way (0.1 ms, and 30 ms for 100 MB, measured; a load that big takes more).
    if (std::exchange(trim_due_, false)) ::malloc_trim(0);
    sweep();
    if (auto written = checkpoint(); !written)
      spdlog::warn("event=checkpoint_failed why=\"{}\"", written.error().message());
  }
}

}  // namespace plumbline::agent
