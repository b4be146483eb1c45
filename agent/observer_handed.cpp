// Baselines that the collector hands this node.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "agent/observer_types.hpp"
#include "baseline/compile.hpp"
#include "baseline/revision.hpp"

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

/// The collector decided that it may follow the one before; what that means is told here as of a source of our own.
void Observer::take_handed_index(Source& source, const fetch::HandedBaseline& handed, bool compare_now) {
  auto taken = taken_of(handed);
  if (const auto& before = source.status.index) {
    const auto move = baseline::moved(before->source(0).revision, taken.baseline.revision);
    taken.forked = fetch::is_forked(*before, *handed.index);
    taken.seems_back = baseline::seems_back(before->source(0).revision, taken.baseline.revision);
    if (baseline::is_step_back(move))
      keep_gap({"", move == baseline::Move::backwards ? "baseline_went_back" : "baseline_of_another",
                "baseline " + source.spec.name, source.status.loaded_at, p_.clock.wall(), 0, 0,
                "from " + baseline::text_of(before->source(0).revision) + " to " +
                    baseline::text_of(taken.baseline.revision) + ": somebody meant it at the collector; it is taken"});
  }
  source.handed = handed.entry.sha256;
  take_baseline(source, std::move(taken), compare_now);
}

/// A node that was handed baselines before starts with them, whether or not the collector is there.
void Observer::start_handed() {
  if (!options_.handout) return;
  BaselineStatus& row = handout_.emplace();
  row.name = row_name;
  row.kind = "handout";
  row.path = options_.handout->url;
  row.handed = true;
  row.stale_after = options_.handout->stale_after;
  row.error = "nothing is handed out yet";
  if (const auto& damage = options_.handout->damage; !damage.empty()) {
    spdlog::error("event=kept_handout_refused why=\"{}\"", damage);
    keep_gap({"", "baseline_forgotten", "baselines of " + row.path, p_.clock.wall(), p_.clock.wall(), 0, 0,
              "what was handed out before is of no use, and an older list would not be seen to be one: " + damage});
  }
  if (options_.handout->kept) {
    row.from_disk = true;
    if (const auto& damage = options_.handout->kept->damage; !damage.empty())
      spdlog::error("event=kept_baseline_refused why=\"{}\"", damage);
    handed_ = options_.handout->kept;
    apply_handed(false);
  }
  publish_sources();
}

void Observer::take_handed(const Result<std::shared_ptr<const fetch::Handed>>& handed) {
  if (!handout_) return;
  if (!handed) return refuse_handed(handed.error());
  handout_->from_disk = false;
  handout_refused_ = false;
  handed_ = *handed;
  apply_handed(true);
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

/// Takes what is handed where it is not in force yet. A baseline of this node's own stands before one of its name.
void Observer::apply_handed(bool compare_now) {
  const PublishOnce once(*this);
  const fetch::Handed& handed = *handed_;
  std::map<std::string_view, const fetch::HandedBaseline*> wanted;
  for (const auto& baseline : handed.baselines) wanted.emplace(baseline.entry.spec.name, &baseline);
  handout_->error.clear();
  if (!handed.missing.empty()) handout_->error = "the collector has not read " + handed.missing.front() + " yet";
  if (!handed.damage.empty()) handout_->error = handed.damage;
  for (const auto& source : sources_)
    if (source->keeper && wanted.erase(source->spec.name) > 0)
      handout_->error = source->spec.name + " is left out: this node has a baseline of that name itself";
  const auto is_missing = [&](const std::string& name) {
    return std::any_of(handed.missing.begin(), handed.missing.end(), [&](const auto& missing) {
      return name == missing || name.starts_with(missing + ".");  // a pattern, and a match of it
    });
  };
  remove_sources([&](const Source& source) {
    if (source.keeper) return false;
    const auto entry = wanted.find(source.spec.name);
    return entry == wanted.end() ? !is_missing(source.spec.name) : entry->second->entry.spec.kind != source.spec.kind;
  });
  handed_left_.clear();
  for (const auto& [name, baseline] : wanted) handed_left_.push_back(baseline);
  handout_->revision = {{"sequence", std::to_string(handed.sequence)}};
  handout_->loaded_at = p_.clock.wall();
  handout_->moved_at = handed.issued_at;
  take_rest_of_handed(compare_now);
}

/// As far as the time of one turn goes; at start all of it, as nothing is compared before.
void Observer::take_rest_of_handed(bool compare_now) {
  const PublishOnce once(*this);
  const std::int64_t began = p_.clock.boot();
  std::map<std::string_view, Source*> in_force;
  for (const auto& source : sources_)
    if (!source->keeper) in_force.emplace(source->spec.name, source.get());
  while (!handed_left_.empty() && !(compare_now && p_.clock.boot() - began > load_budget)) {
    const fetch::HandedBaseline& baseline = *handed_left_.front();
    handed_left_.pop_front();
    Source*& source = in_force[baseline.entry.spec.name];
    if (source == nullptr) {
      source = sources_.emplace_back(std::make_unique<Source>(baseline.entry.spec, *options_.handout->key)).get();
      source->status.handed = true;
    }
    source->describe(baseline.entry.spec);
    if (source->handed != baseline.entry.sha256) take_handed_index(*source, baseline, compare_now);
    source->status.error = baseline.entry.error;
  }
  // What was never handed may be managed all the same: until it is known, nothing is taken for unmanaged.
  handout_->loaded = handout_->loaded || (handed_left_.empty() && handed_->missing.empty());
  publish_sources();
}

/// A baseline that this node no longer reads itself, where one of its name is handed: its drift stays, with who made
/// it.
void Observer::hand_over(Source& source) {
  if (!handed_) return;
  const auto& all = handed_->baselines;
  if (std::none_of(all.begin(), all.end(), [&](const auto& baseline) {
        return baseline.entry.spec.name == source.spec.name && baseline.entry.spec.kind == source.spec.kind;
      }))
    return;
  stop_reading(source);
  source.handed.clear();
  source.status.handed = true;
}

}  // namespace plumbline::agent
