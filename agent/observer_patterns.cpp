// Sources that are configured by a pattern: new matches are found as soon as their folder changes.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "agent/observer_types.hpp"
#include "baseline/path_glob.hpp"

namespace plumbline::agent {
namespace {

constexpr std::int64_t look_again = 30'000'000'000;  // ns, while something could not be looked at

}  // namespace

void Observer::add_pattern(const baseline::SourceSpec& spec, bool compare_now) {
  patterns_.push_back(std::make_unique<Pattern>());
  patterns_.back()->spec = spec;
  take_kept_matches(*patterns_.back(), compare_now);
  look_for_matches(*patterns_.back(), compare_now, false);
}

/// What an earlier agent took of matches stays in force, whether or not they are there now, and keeps its name.
void Observer::take_kept_matches(Pattern& pattern, bool compare_now) {
  auto kept = fetch::kept_matches(options_.state_dir + "/baselines", pattern.spec);
  std::set<std::string> names;
  for (const auto& source : sources_) names.insert(source->spec.name);
  for (const auto& spec : kept.matches)
    if (names.insert(spec.name).second) add_source(spec, &pattern, compare_now);
  if (kept.damage.empty()) return;
  pattern.damage = "what was taken of one of its matches is lost: " + kept.damage;
  spdlog::error("event=baseline_forgotten name={} why=\"{}\"", pattern.spec.name, kept.damage);
  keep_gap({"", "baseline_forgotten", "baseline " + pattern.spec.name, p_.clock.wall(), p_.clock.wall(), 0, 0,
            pattern.damage + "; where its file is gone too, what it managed is not known any more"});
}

/// Takes what matches and is not known yet. A match that is gone stays in force unless `let_go`: whoever removes a
/// state does not make what it manages unmanaged.
void Observer::look_for_matches(Pattern& pattern, bool compare_now, bool let_go) {
  const PublishOnce once(*this);
  pattern.look_at = pattern.moved_at = 0;
  // The folders are watched first, so that what comes between the look and the watch is not missed.
  for (int round = 0; round < 2; ++round) {
    std::string unseen;
    const auto matches = baseline::match_pattern(pattern.spec.path, unseen);
    if (!matches) {
      pattern.look_at = p_.clock.boot() + look_again;
      const std::string told = std::exchange(pattern.error, matches.error().message());
      if (pattern.error != told) spdlog::warn("event=pattern name={} why=\"{}\"", pattern.spec.name, pattern.error);
      return publish_sources();
    }
    for (const auto& folder : matches->folders) {
      if (pattern.folders.contains(folder)) continue;
      const WatchId watch = tree_.add(folder, true);
      pattern.folders.emplace(folder, watch);
      pattern_watches_[watch] = &pattern;
    }
    if (round == 0) continue;
    pattern.unwatched.clear();
    for (const auto& [folder, watch] : pattern.folders)
      if (pattern.unwatched.empty()) pattern.unwatched = tree_.resolve(watch).unwatched;
    if (unseen.empty()) forget_folders(pattern, matches->folders);

    // What was not seen is not known to be gone.
    if (let_go && unseen.empty()) let_go_of_matches(pattern, matches->files);
    std::set<std::string> known;
    for (const auto& source : sources_)
      if (source->pattern == &pattern) known.insert(source->spec.path);
    pattern.left_out = unseen;
    if (!unseen.empty())
      pattern.look_at = p_.clock.boot() + look_again;
    else if (matches->files.empty() && known.empty())
      pattern.left_out = "nothing matches " + pattern.spec.path + " yet";
    pattern.found.clear();
    std::set_difference(matches->files.begin(), matches->files.end(), known.begin(), known.end(),
                        std::back_inserter(pattern.found));
  }
  take_matches(pattern, compare_now);
}

/// A person looked: matches that are gone are, and those that have another path under their name are read from there.
void Observer::let_go_of_matches(Pattern& pattern, const std::vector<std::string>& files) {
  pattern.damage.clear();
  std::map<std::string, std::string> path_of;  // by the name of the match; the first of several
  for (const auto& path : files) path_of.try_emplace(baseline::match_of(pattern.spec, path).name, path);
  let_go([&](const Source& source) { return source.pattern == &pattern && !path_of.contains(source.spec.name); });
  for (auto& source : sources_) {
    if (source->pattern != &pattern) continue;
    const bool is_there = std::binary_search(files.begin(), files.end(), source->spec.path) &&
                          baseline::match_of(pattern.spec, source->spec.path).name == source->spec.name;
    auto spec = baseline::match_of(pattern.spec, is_there ? source->spec.path : path_of.at(source->spec.name));
    if (spec != source->spec) change_source(*source, std::move(spec), &pattern);
  }
}

/// Reads what was found, as far as the time of one turn goes; at start all of it, as nothing is compared before.
void Observer::take_matches(Pattern& pattern, bool compare_now) {
  const PublishOnce once(*this);
  const std::int64_t began = p_.clock.boot();
  std::map<std::string, Source*> names;
  for (const auto& source : sources_) names.emplace(source->spec.name, source.get());
  while (!pattern.found.empty() && !(compare_now && p_.clock.boot() - began > load_budget)) {
    const auto spec = baseline::match_of(pattern.spec, pattern.found.front());
    pattern.found.pop_front();
    Source*& known = names[spec.name];
    if (known != nullptr && !known->keeper && known->spec.kind == spec.kind) {  // handed until now
      change_source(*known, spec, &pattern);
      continue;
    }
    if (known != nullptr) {
      pattern.left_out = spec.path + " is left out: its name would be " + spec.name + ", as another's is";
      continue;
    }
    add_source(spec, &pattern, compare_now);
    known = sources_.back().get();
  }
  const std::string told = std::exchange(pattern.error, pattern.damage.empty() ? pattern.left_out : pattern.damage);
  if (!pattern.found.empty())
    pattern.error = std::to_string(pattern.found.size()) + " matches are still to be read";
  else if (!pattern.error.empty() && pattern.error != told)
    spdlog::warn("event=pattern name={} why=\"{}\"", pattern.spec.name, pattern.error);
  publish_sources();
}

/// The same pattern by name and kind; what it matches now is for the next look.
void Observer::change_pattern(Pattern& pattern, const baseline::SourceSpec& spec) {
  if (pattern.spec.path != spec.path) forget_folders(pattern, {});
  pattern.spec = spec;
}

void Observer::remove_pattern(Pattern& pattern) {
  let_go([&](const Source& source) { return source.pattern == &pattern; });
  forget_folders(pattern, {});
}

/// All but those that are still looked through. Whoever may make folders there decides how many there ever were.
void Observer::forget_folders(Pattern& pattern, const std::vector<std::string>& but) {
  const std::set<std::string_view> wanted(but.begin(), but.end());
  std::erase_if(pattern.folders, [&](const auto& folder) {
    if (wanted.contains(folder.first)) return false;
    pattern_watches_.erase(folder.second);
    tree_.remove(folder.second);
    return true;
  });
}

}  // namespace plumbline::agent
