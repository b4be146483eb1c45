// A changed configuration: which baselines stay, which are read from elsewhere, and which are let go.
#include <algorithm>
#include <set>

#include "agent/observer_types.hpp"
#include "baseline/path_glob.hpp"
#include "baseline/revision.hpp"

namespace plumbline::agent {

/// The same baseline by name and kind, described in another way: its drift stays, with who made it. What is in force,
/// on disk as well, stays until it could be read from there.
void Observer::change_source(Source& source, baseline::SourceSpec spec, const Pattern* pattern) {
  const bool elsewhere = source.spec.path != spec.path || source.spec.kubelet_dir != spec.kubelet_dir;
  source.pattern = pattern;
  if (source.keeper && !elsewhere) return source.describe(std::move(spec));
  stop_reading(source, Kept::on_disk);
  source.describe(std::move(spec));
  read_from_here(source, true);
}

/// These are no longer configured: whoever else may have one of the name takes it over.
void Observer::let_go(const std::function<bool(const Source&)>& is_gone) {
  for (auto& source : sources_)
    if (source->keeper && is_gone(*source)) hand_over(*source);
  remove_sources([&](const Source& source) { return source.keeper && is_gone(source); });
}

void Observer::set_plain_source(const baseline::SourceSpec& spec) {
  remove_sources([&](const Source& source) { return source.spec.name == spec.name && source.spec.kind != spec.kind; });
  const auto known = std::find_if(sources_.begin(), sources_.end(),
                                  [&](const auto& source) { return source->spec.name == spec.name; });
  if (known == sources_.end())
    add_source(spec, nullptr, true);
  else if (!(*known)->keeper || (*known)->pattern != nullptr || (*known)->spec != spec)
    change_source(**known, spec, nullptr);
}

/// Read anew because a person asked for it: what is there now is meant, whatever its revision. A baseline keeps its
/// drift for as long as its name and kind are configured here, or handed out by the collector.
void Observer::set_sources(const std::vector<baseline::SourceSpec>& specs) {
  const PublishOnce once(*this);
  const auto wanted = [&](const baseline::SourceSpec& known) -> const baseline::SourceSpec* {
    const auto spec = std::find_if(specs.begin(), specs.end(), [&](const auto& each) {
      return each.name == known.name && each.kind == known.kind &&
             baseline::is_pattern(each.path) == baseline::is_pattern(known.path);
    });
    return spec == specs.end() ? nullptr : &*spec;
  };
  // What was refused is meant, where it was refused: not what stands in a place that is no longer configured.
  std::set<std::pair<std::string, std::string>> meant;
  for (const auto& source : sources_)
    if (source->keeper && !source->status.error.empty() && baseline::is_step_back(source->move))
      meant.emplace(source->spec.name, source->spec.path);

  let_go([&](const Source& source) { return source.pattern == nullptr && wanted(source.spec) == nullptr; });
  std::vector<std::unique_ptr<Pattern>> kept, gone;
  for (auto& pattern : patterns_) (wanted(pattern->spec) != nullptr ? kept : gone).push_back(std::move(pattern));
  patterns_ = std::move(kept);
  for (const auto& spec : specs)
    if (!baseline::is_pattern(spec.path)) set_plain_source(spec);
  for (const auto& pattern : gone) remove_pattern(*pattern);
  for (const auto& spec : specs) {
    if (!baseline::is_pattern(spec.path)) continue;
    const auto known = std::find_if(patterns_.begin(), patterns_.end(), [&](const auto& pattern) {
      return pattern->spec.name == spec.name && pattern->spec.kind == spec.kind;
    });
    if (known == patterns_.end()) {
      add_pattern(spec, true);
      continue;
    }
    change_pattern(**known, spec);
    look_for_matches(**known, true, true);
  }
  look_at_sources();
  for (auto& source : sources_) {
    if (!source->keeper || !meant.contains({source->spec.name, source->spec.path}) ||
        !baseline::is_step_back(source->move))
      continue;
    if (!source->watch) {
      if (ask_again_) ask_again_(source->status.name, true);
      continue;
    }
    source->any_revision = true;
    load_source(*source, true);
  }
  if (handed_) apply_handed(true);  // what a baseline of this node's own stood before
  accept_unmanaged();
  publish_sources();
}

}  // namespace plumbline::agent
