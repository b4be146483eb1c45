// Baselines that the collector hands this node.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <string>

#include "agent/observer_types.hpp"
#include "baseline/compile.hpp"

namespace plumbline::agent {
namespace {

constexpr const char* row_name = "collector";

/// An index that was handed, as a source of our own would give it.
fetch::SourceKeeper::Taken taken_of(const fetch::HandedBaseline& handed) {
  fetch::SourceKeeper::Taken taken;
  taken.baseline = baseline::baseline_of(*handed.index);
  taken.index = handed.index;
  taken.resources = handed.index->resource_count();
  return taken;
}

}  // namespace

/// A node that was handed baselines before starts with them, whether or not the collector is there.
void Observer::start_handed() {
  if (!options_.handout) return;
  BaselineStatus& row = handout_.emplace();
  row.name = row_name;
  row.kind = "handout";
  row.path = options_.handout->url;
  row.handed = true;
  row.error = "nothing is handed out yet";
  if (const auto& damage = options_.handout->damage; !damage.empty()) {
    spdlog::error("event=kept_handout_refused why=\"{}\"", damage);
    keep_gap({"", "baseline_forgotten", "baselines of " + row.path, p_.clock.wall(), p_.clock.wall(), 0, 0,
              "what was handed out before is of no use, and an older list would not be seen to be one: " + damage});
  }
  if (options_.handout->kept) {
    row.from_disk = true;
    apply_handed(*options_.handout->kept, false);
  }
  publish_sources();
}

void Observer::take_handed(const Result<std::shared_ptr<const fetch::Handed>>& handed) {
  if (!handout_) return;
  if (!handed) return refuse_handed(handed.error());
  handout_->from_disk = false;
  handout_refused_ = false;
  apply_handed(**handed, true);
}

void Observer::refuse_handed(const Error& why) {
  p_.counters.baseline_errors.fetch_add(1, std::memory_order_relaxed);
  const bool news = handout_->error != why.message();
  handout_->error = why.message();
  handout_refused_ = why.code == ErrorCode::permission;
  publish_sources();
  if (!news) return;
  spdlog::warn("event=handout_refused why=\"{}\"", why.message());
  // A signature that is none, or an older list: somebody may be standing in between.
  if (handout_refused_)
    keep_gap({"", "handout_refused", "baselines of " + handout_->path, handout_->loaded_at, p_.clock.wall(), 0, 0,
              why.message()});
}

void Observer::apply_handed(const fetch::Handed& handed, bool compare_now) {
  const PublishOnce once(*this);
  const auto is_handed = [&](const Source& source) {
    return std::any_of(handed.baselines.begin(), handed.baselines.end(),
                       [&](const auto& baseline) { return baseline.entry.spec == source.spec; });
  };
  const auto is_missing = [&](const std::string& name) {
    return std::any_of(handed.missing.begin(), handed.missing.end(), [&](const auto& missing) {
      return name == missing || name.starts_with(missing + ".");  // a pattern, and a match of it
    });
  };
  remove_sources(
      [&](const Source& source) { return !source.keeper && !is_handed(source) && !is_missing(source.spec.name); });
  handout_->error.clear();
  if (!handed.missing.empty()) handout_->error = "the collector has not read " + handed.missing.front() + " yet";
  std::map<std::string, Source*> by_name;
  for (const auto& source : sources_) by_name[source->spec.name] = source.get();
  for (const auto& baseline : handed.baselines) {
    const auto& spec = baseline.entry.spec;
    Source*& known = by_name[spec.name];
    if (known != nullptr && known->keeper) {
      handout_->error = spec.name + " is left out: this node has a baseline of that name itself";
      spdlog::warn("event=handed_left_out name={}", spec.name);
      continue;
    }
    if (known == nullptr) {
      known = sources_.emplace_back(std::make_unique<Source>(spec, *options_.handout->key)).get();
      known->status.handed = true;
    }
    if (known->handed != baseline.entry.sha256) take_baseline(*known, taken_of(baseline), compare_now);
    known->handed = baseline.entry.sha256;
    known->status.error = baseline.entry.error;
  }
  // What was never handed may be managed all the same: until it is known, nothing is taken for unmanaged.
  handout_->loaded = handout_->loaded || handed.missing.empty();
  handout_->revision = {{"sequence", std::to_string(handed.sequence)}};
  handout_->loaded_at = p_.clock.wall();
  publish_sources();
}

}  // namespace plumbline::agent
