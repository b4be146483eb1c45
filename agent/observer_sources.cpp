// Baselines: loading, live reload, and what a new revision means for drift.
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>

#include "agent/observer_types.hpp"
#include "baseline/kubelet.hpp"
#include "baseline/path_glob.hpp"
#include "baseline/revision.hpp"
#include "fetch/file_origin.hpp"

namespace plumbline::agent {
namespace {

constexpr std::int64_t retry_after = 10'000'000'000;
constexpr std::int64_t no_index_retry = 60'000'000'000;  // the disk is full, or the like
constexpr std::int64_t longest_retry = 300'000'000'000;
constexpr off_t small_source = off_t{1} << 20;  // is read in some 10 ms

bool same(const baseline::FileExpectation& a, const baseline::FileExpectation& b) {
  return a.absent == b.absent && a.content == b.content && a.mode == b.mode && a.owner == b.owner &&
         a.group == b.group && a.symlink_target == b.symlink_target && a.absent_entries == b.absent_entries &&
         a.sensitive == b.sensitive && a.as_image == b.as_image;
}

/// Whether nobody but the store and its readers know its versions: those of a node's pods are numbers.
bool has_own_versions(const std::string& location) {
  return location != baseline::pods_location;
}

bool is_large(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && status.st_size > small_source;
}

}  // namespace

void Observer::add_source(const baseline::SourceSpec& spec, const Pattern* pattern, bool compare_now) {
  sources_.push_back(std::make_unique<Source>(spec, p_.key));
  sources_.back()->pattern = pattern;
  read_from_here(*sources_.back(), compare_now);
}

/// Reads it by itself, from where its description says.
void Observer::read_from_here(Source& source, bool compare_now) {
  const baseline::SourceSpec& spec = source.spec;
  source.keeper = std::make_shared<fetch::SourceKeeper>(spec, options_.state_dir + "/baselines", p_.key);
  if (const auto& damage = source.keeper->damage(); !damage.empty()) {
    spdlog::error("event=baseline_forgotten name={} why=\"{}\"", spec.name, damage);
    keep_gap({"", "baseline_forgotten", "baseline " + spec.name, p_.clock.wall(), p_.clock.wall(), 0, 0,
              "which revision was in force is not known any more, so a step back would not be seen: " + damage});
  }
  if (baseline::is_location(spec.path)) {
    keep_old_baseline(source, {ErrorCode::unavailable, "fetch " + spec.path, "not fetched yet", ""}, compare_now);
    if (spec.path == baseline::pods_location) watch_pods(source);
    return;
  }
  source.watch = tree_.add(spec.path, true);
  source_watches_[*source.watch] = &source;
  watch_lock(source);
  load_source(source, compare_now);
}

/// What is in force of it stays, with its drift, until another comes.
void Observer::stop_reading(Source& source, Kept kept) {
  if (source.watch) {
    source_watches_.erase(*source.watch);
    tree_.remove(*source.watch);
    source.watch.reset();
  }
  forget_runs(source);
  forget_pods(source);
  if (source.keeper && kept == Kept::on_disk)
    source.keeper->retire();
  else if (source.keeper)
    source.keeper->forget();
  source.keeper.reset();
  source.move = baseline::Move::none;
  source.retry_at = source.moved_at = source.ask_at = 0;
  source.failures = 0;
  source.aside = source.any_revision = false;
}

/// Closes the drift of what only these sources manage, and forgets them. They leave sources_ first: what follows goes
/// through all that is in it.
void Observer::remove_sources(const std::function<bool(const Source&)>& is_gone) {
  const PublishOnce once(*this);
  std::vector<std::unique_ptr<Source>> kept, gone;
  for (auto& source : sources_) (is_gone(*source) ? gone : kept).push_back(std::move(source));
  sources_ = std::move(kept);
  for (const auto& source : gone) {
    baseline::Baseline nothing;
    nothing.revision = {{"removed", "from the configuration"}};
    record_or_keep({},
                   accept_calls(*source, nullptr,
                                "baseline " + source->spec.name + " is now at " + baseline::text_of(nothing.revision)),
                   {});
    apply_baseline(*source, std::move(nothing), true);
    stop_reading(*source, Kept::forgotten);
  }
}

void Observer::load_source(Source& source, bool compare_now) {
  source.retry_at = source.moved_at = 0;
  source.version = fetch::file_version(source.status.path);
  source.status.unwatched = tree_.resolve(*source.watch).unwatched;
  const bool any_revision = std::exchange(source.any_revision, false);
  // From then on always: what is read here would overtake what is still being read there.
  source.aside = load_aside_ && (source.aside || is_large(source.status.path));
  if (source.aside) {
    load_aside_(source.keeper, any_revision);
    if (source.status.loaded) return;
    take_remembered(source, compare_now);
    if (source.status.error.empty()) source.status.error = "it is being read";
    return publish_sources();
  }
  // Whether it moved while no agent ran is told by what the one before took.
  if (!source.status.loaded) take_remembered(source, false);
  auto taken = source.keeper->load(any_revision);
  source.move = source.keeper->last_move();
  if (!taken) return keep_old_baseline(source, taken.error(), compare_now);
  take_baseline(source, std::move(*taken), compare_now);
}

std::vector<std::shared_ptr<fetch::SourceKeeper>> Observer::remote_keepers() const {
  std::vector<std::shared_ptr<fetch::SourceKeeper>> keepers;
  for (const auto& source : sources_)
    if (source->keeper && !source->watch) keepers.push_back(source->keeper);
  return keepers;
}

void Observer::take_fetched(const fetch::SourceKeeper& keeper, Result<std::optional<fetch::SourceKeeper::Taken>> what,
                            baseline::Move move, const std::string& version) {
  const auto known = std::find_if(sources_.begin(), sources_.end(),
                                  [&](const auto& source) { return source->keeper.get() == &keeper; });
  if (known == sources_.end()) return;  // it was taken out of the configuration meanwhile
  Source& source = **known;
  source.move = move;
  if (what && has_own_versions(source.status.path)) runs_.fetched(source.status.name, version);
  if (!what) return keep_old_baseline(source, what.error(), true);
  if (*what) return take_baseline(source, std::move(**what), true);
  source.status.error.clear();
  publish_sources();
}

/// `handed`: the digest of the index, where the collector handed it.
void Observer::take_baseline(Source& source, fetch::SourceKeeper::Taken&& fresh, bool compare_now,
                             const std::string& handed) {
  p_.counters.baseline_loads.fetch_add(1, std::memory_order_relaxed);
  source.failures = 0;
  source.status.error.clear();
  source.status.from_disk = false;
  if (fresh.index && source.status.revision != fresh.baseline.revision) {
    auto accepted =
        accept_calls(source, fresh.index.get(),
                     "baseline " + source.status.name + " is now at " + baseline::text_of(fresh.baseline.revision));
    record_or_keep({}, std::move(accepted), {});
  }
  source.handed = handed;
  source.status.handed = !handed.empty();
  source.key = handed.empty() ? &p_.key : options_.handout->key;
  source.since = fresh.since;
  source.status.index = std::move(fresh.index);
  source.status.why_no_index = std::move(fresh.why_no_index);
  source.status.resources = fresh.resources;
  if (!source.status.why_no_index.empty() && source.watch) source.retry_at = p_.clock.boot() + no_index_retry;
  if (!source.status.why_no_index.empty())
    spdlog::warn("event=no_index name={} why=\"{}\"", source.status.name, source.status.why_no_index);
  if (fresh.forked)
    keep_gap({"", "baseline_forked", "baseline " + source.status.name, source.status.loaded_at, p_.clock.wall(), 0, 0,
              "other content under the revision that was in force (" + baseline::text_of(fresh.baseline.revision) +
                  "): somebody else writes this source, or it was edited by hand; it is taken"});
  if (baseline::is_step_back(fresh.stepped))
    keep_gap({"", gap_reason(fresh.stepped), "baseline " + source.status.name, source.status.loaded_at, p_.clock.wall(),
              0, 0,
              "to " + baseline::text_of(fresh.baseline.revision) + ": it is read from " + source.status.path +
                  " now, and no longer from " + fresh.former_path + "; it is taken, as the configuration says so"});
  if (fresh.seems_back)
    keep_gap(
        {"", "baseline_went_back", "baseline " + source.status.name, source.status.loaded_at, p_.clock.wall(), 0, 0,
         "from " + baseline::text_of(source.status.revision) + " to " + baseline::text_of(fresh.baseline.revision) +
             ": was the cluster restored, or does another one answer? it is taken"});
  apply_baseline(source, std::move(fresh.baseline), compare_now);
}

/// A writer may be in the middle of it, and the end of the write wakes us anyway; or its revision is none that may
/// follow. Where nothing is in force yet, what an earlier agent took from it is.
void Observer::keep_old_baseline(Source& source, const Error& why, bool compare_now) {
  p_.counters.baseline_errors.fetch_add(1, std::memory_order_relaxed);
  const bool news = source.status.error != why.message();
  if (source.watch)
    source.retry_at = p_.clock.boot() + std::min(retry_after << std::min(source.failures++, 6), longest_retry);
  if (!source.status.loaded) take_remembered(source, compare_now);
  source.status.error = why.message();
  if (news) {
    const std::string kept = source.status.loaded ? baseline::text_of(source.status.revision) : "none";
    spdlog::warn("event=baseline_refused name={} kept=\"{}\" why=\"{}\"", source.status.name, kept, why.message());
    if (baseline::is_step_back(source.move))
      keep_gap({"", gap_reason(source.move), "baseline " + source.status.name, source.status.loaded_at, p_.clock.wall(),
                0, 0, why.message()});
  }
  publish_sources();
}

/// What an earlier agent took, where it took something.
void Observer::take_remembered(Source& source, bool compare_now) {
  auto kept = source.keeper->remembered();
  if (!kept) return;
  source.status.from_disk = true;
  source.since = kept->since;
  source.status.index = std::move(kept->index);
  source.status.resources = kept->resources;
  apply_baseline(source, std::move(kept->baseline), compare_now);
}

void Observer::apply_baseline(Source& source, baseline::Baseline&& fresh, bool compare_now) {
  const bool moved = source.status.loaded && source.status.revision != fresh.revision;
  trim_due_ = true;  // once the caller has let go of `fresh`
  source.status.loaded = true;
  if (source.status.revision != fresh.revision || source.status.moved_at == 0)
    source.status.moved_at = source.since != 0 ? source.since : p_.clock.wall();
  source.status.revision = fresh.revision;
  source.status.files = fresh.files.size();
  source.status.skipped = fresh.skipped.size();
  source.status.loaded_at = p_.clock.wall();

  std::set<std::string> wanted;
  std::set<WatchId> changed;
  std::vector<wire::Drift> accepted;
  const std::string why = "baseline " + source.status.name + " is now at " + baseline::text_of(fresh.revision);
  for (const auto& each : wanted_of(source, fresh.files)) {
    const baseline::FileExpectation& expected = *each.expected;
    const std::string key = Subject::key_of(source, expected, each.container.get());
    wanted.insert(key);
    const auto known = source.subjects.find(key);
    if (known == source.subjects.end()) {
      if (has_room_for(each)) changed.insert(add_subject(source, each).watch);
      continue;
    }
    Subject& before = *subjects_.at(known->second);
    if (same(before.declared ? *before.declared : before.expected, expected)) {
      const bool no_longer = before.expected.awaited && !expected.awaited && !before.checked;
      before.expected.awaited = expected.awaited;
      if (no_longer) changed.insert(known->second);
      continue;
    }
    changed.erase(known->second);
    replace_subject(source, before, expected);
    changed.insert(source.subjects.at(key));
  }
  for (auto it = source.subjects.begin(); it != source.subjects.end();) {
    if (wanted.contains(it->first)) {
      ++it;
      continue;
    }
    const Subject& gone = *subjects_.at(it->second);
    auto drift = p_.state.with_book([&](const DriftBook& book) {
      return book.accepted(gone.drift_of(), p_.clock.wall(), why + ", which no longer manages it");
    });
    if (drift) accepted.push_back(std::move(*drift));
    p_.state.remove_row(it->first);
    remove_subject((it++)->second);
  }
  forget_unused_containers();
  publish_sources();
  if (!compare_now) return;

  // Drift that the new revision explains is accepted; what the new revision contradicts becomes a finding.
  std::set<WatchId> contradicted;
  for (const WatchId id : changed) {
    Subject& subject = *subjects_.at(id);
    const Resolution& where = tree_.resolve(id);
    LiveFile live;
    if (where.exists) live = read(subject, where, needs(subject.expected, options_.max_file_bytes));
    const Comparison comparison = compare(subject.expected, live, *source.key, p_.users);
    // What could not be read says nothing, not even that it is absent: the scan below tells.
    const bool seen = where.trouble.empty() && !live.unsettled && subject.why_no_image.empty();
    if (seen && comparison.result == wire::ComparisonResult::match) {
      auto drift = p_.state.with_book(
          [&](const DriftBook& book) { return book.accepted(subject.drift_of(), p_.clock.wall(), why); });
      if (drift) accepted.push_back(std::move(*drift));
    }
    contradicted.insert(id);
  }
  record_or_keep({}, std::move(accepted), {});
  scan(contradicted, "baseline", "the baseline moved, the file did not change");
  drop_retired();
  spdlog::info("event=baseline_loaded name={} revision=\"{}\" files={} changed={} moved={}", source.status.name,
               baseline::text_of(fresh.revision), source.status.files, changed.size(), moved);
}

Observer::Subject& Observer::add_subject(Source& source, const Wanted& wanted) {
  auto subject = std::make_unique<Subject>();
  subject->managed_since = p_.clock.boot();
  subject->source = &source;
  subject->expected = *wanted.expected;
  subject->container = wanted.container;
  container_files_ += wanted.container ? 1 : 0;
  if (subject->expected.as_image)
    take_image(*subject);
  else
    watch(*subject);
  subject->leaf = tree_.resolve(subject->watch).leaf;
  source.subjects[subject->key()] = subject->watch;
  return *(subjects_[subject->watch] = std::move(subject));
}

void Observer::watch(Subject& subject) {
  subject.watch = tree_.add(subject.expected.path, !subject.expected.symlink_target.has_value(),
                            subject.container ? subject.container->root : nullptr, subject.container_id());
}

void Observer::remove_subject(WatchId id) {
  const auto it = subjects_.find(id);
  if (it == subjects_.end()) return;
  it->second->source->subjects.erase(it->second->key());
  container_files_ -= it->second->container ? 1 : 0;
  tree_.remove(id);
  waiting_.erase(id);
  subjects_.erase(it);
}

void Observer::publish_sources() {
  if (publishing_held_ > 0) {
    publishing_due_ = true;
    return;
  }
  std::vector<BaselineStatus> all;
  for (const auto& source : sources_) {
    std::string& error = all.emplace_back(source->status).error;
    if (source->is_left && !source->handed.empty())
      error +=
          (error.empty() ? "" : "; ") +
          std::string("the collector no longer hands it out: what it handed last is in force until this agent ends");
  }
  if (handout_) all.push_back(*handout_);
  for (const auto& pattern : patterns_) {
    if (pattern->error.empty() && pattern->unwatched.empty()) continue;
    BaselineStatus& status = all.emplace_back();
    status.name = pattern->spec.name;
    status.kind = pattern->spec.kind;
    status.path = pattern->spec.path;
    status.error = pattern->error;
    status.unwatched = pattern->unwatched;
    status.pattern = true;
    status.loaded = std::any_of(sources_.begin(), sources_.end(),
                                [&](const auto& source) { return source->pattern == pattern.get(); });
  }
  std::string says = "all baselines are loaded";
  bool ok = true;
  for (const auto& status : all) {
    if (status.loaded) continue;
    ok = false;
    says = status.name + ": " + status.error;
  }
  p_.state.set_baselines(std::move(all));
  p_.state.set_health("baseline", ok, says);
}

}  // namespace plumbline::agent
