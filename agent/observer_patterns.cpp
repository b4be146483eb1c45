// Sources that are configured by a pattern: new matches are found as soon as their folder changes.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "agent/observer_types.hpp"
#include "baseline/path_glob.hpp"

namespace plumbline::agent {
namespace {

constexpr std::int64_t load_budget = 250'000'000;    // ns of one turn
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
  for (const auto& spec : fetch::kept_matches(options_.state_dir + "/baselines", pattern.spec))
    add_source(spec, &pattern, compare_now);
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
      pattern.error = matches.error().message();
      return publish_sources();
    }
    for (const auto& folder : matches->folders) {
      if (!pattern.folders.insert(folder).second) continue;
      pattern.watches.push_back(tree_.add(folder, true));
      pattern_watches_[pattern.watches.back()] = &pattern;
    }
    if (round == 0) continue;

    if (let_go && unseen.empty())  // what was not seen is not known to be gone
      remove_sources([&](const Source& source) {
        return source.pattern == &pattern &&
               !std::binary_search(matches->files.begin(), matches->files.end(), source.spec.path);
      });
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

/// Reads what was found, as far as the time of one turn goes; at start all of it, as nothing is compared before.
void Observer::take_matches(Pattern& pattern, bool compare_now) {
  const PublishOnce once(*this);
  const std::int64_t began = p_.clock.boot();
  std::set<std::string> names;
  for (const auto& source : sources_) names.insert(source->spec.name);
  while (!pattern.found.empty() && !(compare_now && p_.clock.boot() - began > load_budget)) {
    auto spec = pattern.spec;
    spec.path = std::move(pattern.found.front());
    pattern.found.pop_front();
    spec.name += "." + baseline::name_of_match(pattern.spec.path, spec.path);
    if (names.insert(spec.name).second)
      add_source(spec, &pattern, compare_now);
    else
      pattern.left_out =
          spec.path + " is left out: its name would be " + spec.name + ", as another's is; configure it by itself";
  }
  const std::string told = std::exchange(pattern.error, pattern.left_out);
  if (!pattern.found.empty())
    pattern.error = std::to_string(pattern.found.size()) + " matches are still to be read";
  else if (!pattern.error.empty() && pattern.error != told)
    spdlog::warn("event=pattern name={} why=\"{}\"", pattern.spec.name, pattern.error);
  publish_sources();
}

void Observer::remove_pattern(Pattern& pattern) {
  remove_sources([&](const Source& source) { return source.pattern == &pattern; });
  for (const WatchId watch : pattern.watches) {
    pattern_watches_.erase(watch);
    tree_.remove(watch);
  }
}

}  // namespace plumbline::agent
