// What file systems say of the sources: matches of patterns, and files that changed.
#include <algorithm>

#include "baseline/path_glob.hpp"
#include "collector/baselines/shelf.hpp"
#include "fetch/file_origin.hpp"

namespace plumbline::collector {
bool is_local_pattern(const ShelfSource& source) {
  return baseline::is_pattern(source.source.path) && !baseline::is_location(source.source.path);
}

/// All that touches the file systems of sources, which may hang: without the lock, so that no node that asks waits.
Shelf::Looked Shelf::look() const {
  Looked looked;
  std::map<std::string, std::string> known;  // paths of local files, by name
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, item] : items_)
      if (!baseline::is_location(item.source->source.path)) known.emplace(name, item.keeper->spec().path);
  }
  for (const auto& [name, path] : known) looked.versions.emplace(name, fetch::file_version(path));
  for (const auto& source : sources_) {
    if (!is_local_pattern(source)) continue;
    std::string unseen;
    auto matches = baseline::match_pattern(source.source.path, unseen);
    if (matches)
      for (const auto& path : matches->files)
        if (auto spec = baseline::match_of(fetch::spec_of(source.source), path); !known.contains(spec.name))
          looked.fresh.emplace(spec.name, item_of(source, spec));
    looked.patterns.emplace(&source, Looked::Pattern{std::move(matches), std::move(unseen)});
  }
  return looked;
}

/// Takes new matches of patterns, and lets go of those that are gone where a person says so. True: something changed.
bool Shelf::take_matches(Looked& looked, bool let_go) {
  bool moved = false;
  for (const auto& [at_source, pattern] : looked.patterns) {
    const ShelfSource& source = *at_source;
    const auto known = patterns_.find(source.source.name);
    const auto before = known == patterns_.end() ? std::nullopt : std::optional(known->second);
    PatternState& state = patterns_[source.source.name];
    state = {pattern.unseen, !pattern.unseen.empty()};
    if (!pattern.matches)
      state = {pattern.matches.error().message(), true};
    else
      moved = take_matches(source, pattern.matches->files, let_go && pattern.unseen.empty(), state, looked) || moved;
    moved = moved || !before || before->is_incomplete != state.is_incomplete || before->error != state.error;
  }
  return moved;
}

bool Shelf::take_matches(const ShelfSource& source, const std::vector<std::string>& files, bool let_go,
                         PatternState& state, Looked& looked) {
  bool moved = false;
  const auto is_gone = [&](const Item& item) {
    return item.source == &source && !std::binary_search(files.begin(), files.end(), item.keeper->spec().path);
  };
  for (auto at = items_.begin(); let_go && at != items_.end();) {
    const auto here = at++;
    if (!is_gone(here->second)) continue;
    here->second.keeper->forget();
    items_.erase(here);
    moved = true;
  }
  // A person looked, and means that there are none.
  const bool was_meant = empty_is_meant_.contains(source.source.name);
  if (!files.empty())
    empty_is_meant_.erase(source.source.name);
  else if (let_go)
    empty_is_meant_.insert(source.source.name);
  moved = moved || was_meant != empty_is_meant_.contains(source.source.name);
  if (files.empty() && state.error.empty()) state = {"nothing matches " + source.source.path + " yet", true};
  for (const auto& path : files) {
    const auto name = baseline::match_of(fetch::spec_of(source.source), path).name;
    const auto known = items_.find(name);
    if (const auto fresh = looked.fresh.find(name); known == items_.end() && fresh != looked.fresh.end()) {
      add(std::move(fresh->second));
      moved = true;
    } else if (known != items_.end() && known->second.keeper->spec().path != path && state.error.empty()) {
      state.error = path + " is left out: its name would be " + name + ", as another's is";
    }
  }
  return moved;
}

void Shelf::ask_for_changed_files(const Looked& looked) {
  for (const auto& [name, version] : looked.versions) {
    const auto item = items_.find(name);
    if (item == items_.end() || item->second.version == version) continue;
    item->second.version = version;
    fetcher_->refresh(name, false);
  }
}

}  // namespace plumbline::collector
