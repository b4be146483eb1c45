// Baselines: loading, live reload, and what a new revision means for drift.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "agent/observer_types.hpp"

namespace plumbline::agent {
namespace {

constexpr std::int64_t retry_after = 1'000'000'000;

bool same(const baseline::FileExpectation& a, const baseline::FileExpectation& b) {
  return a.absent == b.absent && a.content == b.content && a.mode == b.mode && a.owner == b.owner &&
         a.group == b.group && a.symlink_target == b.symlink_target && a.absent_entries == b.absent_entries &&
         a.sensitive == b.sensitive;
}

std::string text_of(const std::map<std::string, std::string>& revision) {
  std::string text;
  for (const auto& [key, value] : revision) text += (text.empty() ? "" : " ") + key + "=" + value;
  return text;
}

}  // namespace

void Observer::load_source(Source& source, bool compare_now) {
  source.retry_at = 0;
  auto loaded = baseline::load(source.spec, p_.key);
  if (!loaded) {
    // A writer may be in the middle of it: the old baseline stays, and the end of the write wakes us anyway.
    p_.counters.baseline_errors.fetch_add(1, std::memory_order_relaxed);
    if (source.status.error != loaded.error().message())
      spdlog::warn("event=baseline_refused name={} kept={} why=\"{}\"", source.spec.name,
                   source.status.loaded ? text_of(source.status.revision) : "none", loaded.error().message());
    source.status.error = loaded.error().message();
    source.retry_at = p_.clock.boot() + retry_after * 10;
    publish_sources();
    return;
  }
  p_.counters.baseline_loads.fetch_add(1, std::memory_order_relaxed);
  apply_baseline(source, std::move(*loaded), compare_now);
}

void Observer::apply_baseline(Source& source, baseline::Baseline&& fresh, bool compare_now) {
  const bool moved = source.status.loaded && source.status.revision != fresh.revision;
  trim_due_ = true;  // once the caller has let go of `fresh`
  source.status.loaded = true;
  source.status.error.clear();
  source.status.revision = fresh.revision;
  source.status.resources = fresh.resources.size();
  source.status.files = fresh.files.size();
  source.status.skipped = fresh.skipped.size();
  source.status.loaded_at = p_.clock.wall();

  std::set<std::string> wanted;
  std::set<WatchId> changed;
  std::vector<wire::Drift> accepted;
  const std::string why = "baseline " + source.spec.name + " is now at " + text_of(fresh.revision);
  for (const auto& expected : fresh.files) {
    const std::string key = expected.address + '\n' + expected.path;
    wanted.insert(key);
    const auto known = source.subjects.find(key);
    if (known != source.subjects.end() && same(subjects_.at(known->second)->expected, expected)) continue;
    if (known != source.subjects.end()) {
      changed.erase(known->second);
      remove_subject(known->second);
    }
    add_subject(source, expected);
    changed.insert(source.subjects.at(key));
  }
  for (auto it = source.subjects.begin(); it != source.subjects.end();) {
    if (wanted.contains(it->first)) {
      ++it;
      continue;
    }
    const Subject& gone = *subjects_.at(it->second);
    auto drift = p_.state.with_book([&](const DriftBook& book) {
      return book.accepted(gone.expected.address, gone.expected.path, p_.clock.wall(),
                           why + ", which no longer manages it");
    });
    if (drift) accepted.push_back(std::move(*drift));
    p_.state.remove_row(it->first);
    remove_subject((it++)->second);
  }
  publish_sources();
  if (!compare_now) return;

  // Drift that the new revision explains is accepted; what the new revision contradicts becomes a finding.
  std::set<WatchId> contradicted;
  for (const WatchId id : changed) {
    Subject& subject = *subjects_.at(id);
    const Resolution& where = tree_.resolve(id);
    LiveFile live;
    if (where.exists) live = read_live(p_.kernel, where.physical, needs(subject.expected, options_.max_file_bytes));
    const Comparison comparison = compare(subject.expected, live, p_.key, p_.users);
    if (comparison.result == wire::ComparisonResult::match) {
      auto drift = p_.state.with_book([&](const DriftBook& book) {
        return book.accepted(subject.expected.address, subject.expected.path, p_.clock.wall(), why);
      });
      if (drift) accepted.push_back(std::move(*drift));
    }
    contradicted.insert(id);
  }
  record_or_keep({}, std::move(accepted), {});
  scan(contradicted, "baseline", "the baseline moved, the file did not change");
  drop_retired();
  spdlog::info("event=baseline_loaded name={} revision=\"{}\" files={} changed={} moved={}", source.spec.name,
               text_of(fresh.revision), source.status.files, changed.size(), moved);
}

void Observer::add_subject(Source& source, const baseline::FileExpectation& expected) {
  auto subject = std::make_unique<Subject>();
  subject->source = &source;
  subject->expected = expected;
  subject->watch = tree_.add(expected.path, !expected.symlink_target.has_value());
  subject->leaf = tree_.resolve(subject->watch).leaf;
  source.subjects[subject->key()] = subject->watch;
  subjects_[subject->watch] = std::move(subject);
}

void Observer::remove_subject(WatchId id) {
  const auto it = subjects_.find(id);
  if (it == subjects_.end()) return;
  it->second->source->subjects.erase(it->second->key());
  tree_.remove(id);
  subjects_.erase(it);
}

void Observer::publish_sources() {
  std::vector<BaselineStatus> all;
  bool ok = true;
  std::string says = "all baselines are loaded";
  for (const auto& source : sources_) {
    all.push_back(source->status);
    if (!source->status.loaded) {
      ok = false;
      says = source->status.name + ": " + source->status.error;
    }
  }
  p_.state.set_baselines(std::move(all));
  p_.state.set_health("baseline", ok, says);
}

void Observer::set_sources(std::vector<baseline::SourceSpec> specs) {
  const auto same_spec = [](const baseline::SourceSpec& a, const baseline::SourceSpec& b) {
    return a.name == b.name && a.kind == b.kind && a.path == b.path;
  };
  for (auto it = sources_.begin(); it != sources_.end();) {
    Source& source = **it;
    if (std::any_of(specs.begin(), specs.end(), [&](const auto& spec) { return same_spec(spec, source.spec); })) {
      ++it;
      continue;
    }
    baseline::Baseline nothing;
    nothing.revision = {{"removed", "from the configuration"}};
    apply_baseline(source, std::move(nothing), true);
    source_watches_.erase(source.watch);
    tree_.remove(source.watch);
    it = sources_.erase(it);
  }
  for (auto& spec : specs) {
    if (std::any_of(sources_.begin(), sources_.end(), [&](const auto& known) { return same_spec(spec, known->spec); }))
      continue;
    sources_.push_back(std::make_unique<Source>());
    Source& source = *sources_.back();
    source.spec = spec;
    source.status.name = spec.name;
    source.status.kind = spec.kind;
    source.status.path = spec.path;
    source.watch = tree_.add(spec.path, true);
    source_watches_[source.watch] = &source;
    load_source(source, true);
  }
  publish_sources();
}

}  // namespace plumbline::agent
