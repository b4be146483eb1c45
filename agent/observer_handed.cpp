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
  taken.since = handed.since;
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
      keep_gap({"", gap_reason(move), "baseline " + source.spec.name, source.status.loaded_at, p_.clock.wall(), 0, 0,
                "from " + baseline::text_of(before->source(0).revision) + " to " +
                    baseline::text_of(taken.baseline.revision) + ": somebody meant it at the collector; it is taken"});
  }
  take_baseline(source, std::move(taken), compare_now, handed.entry.sha256);
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
    for (const auto& damage : options_.handout->kept->damage) {
      spdlog::error("event=kept_baseline_refused why=\"{}\"", damage);
      keep_gap({"", "baseline_forgotten", "baselines of " + row.path, p_.clock.wall(), p_.clock.wall(), 0, 0, damage});
    }
    handed_ = options_.handout->kept;
    apply_handed(false);
  }
  publish_sources();
}

void Observer::take_handed(const Result<std::shared_ptr<const fetch::Handed>>& handed) {
  if (!handout_) return;
  if (!handed) return refuse_handed(handed.error());
  handout_->from_disk = false;
  handed_ = *handed;
  apply_handed(true);
}

void Observer::refuse_handed(const Error& why) {
  p_.counters.baseline_errors.fetch_add(1, std::memory_order_relaxed);
  const std::string before = handout_->error;
  show_handout_error(why.message());
  publish_sources();
  if (handout_->error == before) return;
  spdlog::warn("event=handout_refused why=\"{}\"", why.message());
  // A signature that is none, or an older list: somebody may be standing in between.
  if (why.code == ErrorCode::permission)
    keep_gap({"", "handout_refused", "baselines of " + handout_->path, handout_->loaded_at, p_.clock.wall(), 0, 0,
              why.message()});
}

/// `why` nothing new comes, and what is missing of what is there.
void Observer::show_handout_error(const std::string& why) {
  std::string& error = handout_->error;
  error = why;
  if (!handed_) return;
  const auto add = [&](const std::string& more) { error += (error.empty() ? "" : "; ") + more; };
  for (const auto& damage : handed_->damage) add(damage);
  constexpr std::size_t shown = 5;
  const auto& missing = handed_->missing;
  std::string names;
  for (std::size_t i = 0; i < std::min(shown, missing.size()); ++i) names += (i == 0 ? "" : ", ") + missing[i];
  if (missing.size() > shown) names += " and " + std::to_string(missing.size() - shown) + " more";
  if (!names.empty()) add("the collector has not read " + names + " yet");
}

/// By this node itself, and not by what the collector handed until its own can be read.
bool Observer::is_read_here(const Source& source) {
  return source.keeper && source.status.loaded && source.handed.empty();
}

/// Takes what is handed where it is not in force yet. A baseline of this node's own stands before one of its name, once
/// it could be read.
void Observer::apply_handed(bool compare_now) {
  const PublishOnce once(*this);
  const fetch::Handed& handed = *handed_;
  unmanaged_looked_for_.reset();  // less may be missing than before
  std::map<std::string, const fetch::HandedBaseline*> wanted;
  for (const auto& baseline : handed.baselines) wanted.emplace(baseline.entry.spec.name, &baseline);
  for (const auto& source : sources_)
    if (is_read_here(*source)) wanted.erase(source->spec.name);
  remove_sources([&](const Source& source) {
    if (source.keeper) return false;
    const auto entry = wanted.find(source.spec.name);
    return entry == wanted.end() ? !fetch::is_missing(handed.missing, source.spec.name)
                                 : entry->second->entry.spec.kind != source.spec.kind;
  });
  for (auto& source : sources_)
    source->is_left = source->keeper && !source->handed.empty() && !wanted.contains(source->spec.name) &&
                      !fetch::is_missing(handed.missing, source->spec.name);
  handed_left_.clear();
  for (const auto& [name, baseline] : wanted) handed_left_.push_back(baseline);
  handout_->revision = {{"sequence", std::to_string(handed.sequence)}};
  handout_->loaded_at = p_.clock.wall();
  handout_->moved_at = std::min(handed.issued_at, handout_->loaded_at);  // a clock that is ahead hides nothing
  show_handout_error("");
  take_rest_of_handed(compare_now);
}

std::vector<fetch::SourceConfig> Observer::handed_locations() const {
  std::vector<fetch::SourceConfig> locations;
  if (!handed_) return locations;
  for (const auto& [entry, index, listed_in, since] : handed_->baselines) {
    if (!baseline::is_location(entry.spec.path)) continue;
    auto& config = locations.emplace_back();
    config.name = entry.spec.name;
    config.kind = entry.spec.kind;
    config.path = config.location = entry.spec.path;
    config.endpoint = entry.endpoint;
    config.region = entry.region;
  }
  return locations;
}

/// As far as the time of one turn goes; at start all of it, as nothing is compared before.
void Observer::take_rest_of_handed(bool compare_now) {
  const PublishOnce once(*this);
  const std::int64_t began = p_.clock.boot();
  std::map<std::string, Source*> known;
  for (const auto& source : sources_) known.emplace(source->spec.name, source.get());
  while (!handed_left_.empty() && !(compare_now && p_.clock.boot() - began > load_budget)) {
    const fetch::HandedBaseline& baseline = *handed_left_.front();
    handed_left_.pop_front();
    const auto& entry = baseline.entry;
    Source*& source = known[entry.spec.name];
    if (source == nullptr)
      source = sources_.emplace_back(std::make_unique<Source>(entry.spec, *options_.handout->key)).get();
    if (source->spec.kind != entry.spec.kind || is_read_here(*source)) continue;  // its own, read meanwhile
    if (!source->keeper) source->describe(entry.spec);
    const std::string why_not_own = source->keeper ? source->status.error : entry.error;
    runs_.fetched(entry.spec.name, entry.etag);
    if (source->handed != entry.sha256) take_handed_index(*source, baseline, compare_now);
    source->status.error = why_not_own;
  }
  // It is known what is managed, but for what is said to be missing.
  handout_->loaded = handout_->loaded || handed_left_.empty();
  if (handed_left_.empty()) accept_unmanaged();
  publish_sources();
}

/// A baseline that this node no longer reads itself, where one of its name is handed, or may be: its drift stays, with
/// who made it, until the collector's list says otherwise.
void Observer::hand_over(Source& source) {
  if (!handout_ || !source.status.loaded) return;
  const std::string& name = source.spec.name;
  const bool may_be = !handed_ || fetch::is_missing(handed_->missing, name) ||
                      std::any_of(handed_->baselines.begin(), handed_->baselines.end(), [&](const auto& baseline) {
                        return baseline.entry.spec.name == name && baseline.entry.spec.kind == source.spec.kind;
                      });
  if (!may_be) return;
  stop_reading(source, Kept::forgotten);
  source.pattern = nullptr;
  source.status.handed = true;
  source.status.error = "the collector has not said yet whether it hands it out";
}

}  // namespace plumbline::agent
