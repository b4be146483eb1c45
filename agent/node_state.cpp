#include "agent/node_state.hpp"

#include <algorithm>
#include <array>
#include <tuple>

#include "include/util/metric_text.hpp"
#include "include/wire/json.hpp"

namespace plumbline::agent {
namespace {

using wire::Json;
constexpr std::int64_t stuck_after_ns = 30'000'000'000;
constexpr std::array ready_checks{"hooks", "baseline", "spool"};
constexpr std::array started_checks{"first_check"};

}  // namespace

bool is_overdue(const BaselineStatus& baseline, WallNs now) {
  return baseline.stale_after.count() > 0 && baseline.moved_at != 0 &&
         now - baseline.moved_at > std::chrono::nanoseconds(baseline.stale_after).count();
}

NodeState::NodeState(NodeIdentity identity, Counters& counters, std::size_t recent_findings)
    : identity_(std::move(identity)), counters_(counters), recent_(recent_findings) {
  for (const char* name : {"hooks", "baseline", "spool", "first_check"}) health_[name] = {name, false, "starting"};
}

void NodeState::set_sources(StatusSources sources) {
  const std::lock_guard lock(mutex_);
  sources_ = std::move(sources);
}

void NodeState::set_calls(CallSources calls, std::string why_not) {
  const std::lock_guard lock(mutex_);
  calls_ = std::move(calls);
  why_no_calls_ = std::move(why_not);
}

void NodeState::set_kernel(std::string tier, std::string kernel_json, std::vector<wire::BlindSpot> blind_spots) {
  const std::lock_guard lock(mutex_);
  tier_ = std::move(tier);
  kernel_json_ = std::move(kernel_json);
  blind_spots_ = std::move(blind_spots);
}

void NodeState::set_baselines(std::vector<BaselineStatus> baselines) {
  const std::lock_guard lock(mutex_);
  baselines_ = std::move(baselines);
}

void NodeState::set_container_blind_spots(std::vector<wire::BlindSpot> blind_spots) {
  const std::lock_guard lock(mutex_);
  container_blind_spots_ = std::move(blind_spots);
}

void NodeState::set_health(const std::string& name, bool ok, std::string says) {
  const std::lock_guard lock(mutex_);
  health_[name] = {name, ok, std::move(says)};
}

std::string NodeState::health_json() const {
  const std::lock_guard lock(mutex_);
  Json failing = Json::object();
  for (const auto& [name, check] : health_)
    if (!check.ok) failing[name] = wire::json_text(check.says);
  const Json j = {{"tier", tier_},
                  {"resources", rows_.size()},
                  {"drift_open", book_.open_count()},
                  {"blind_spots", blind_spots_.size()},
                  {"failing", std::move(failing)}};
  return j.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void NodeState::put_row(const std::string& key, ResourceRow row) {
  const std::lock_guard lock(mutex_);
  rows_[key] = std::make_shared<const ResourceRow>(std::move(row));
}

void NodeState::remove_row(const std::string& key) {
  const std::lock_guard lock(mutex_);
  rows_.erase(key);
}

void NodeState::remember(const wire::Record& record, const wire::Finding* finding, const wire::Drift* drift,
                         const wire::Gap* gap) {
  const auto add = [&](const char* event, std::string data) {
    events_.push_back({record.sequence, event, std::move(data)});
  };
  if (finding != nullptr) {
    add("finding", wire::to_json(*finding));
  }
  if (drift != nullptr) add("drift", wire::to_json(*drift));
  if (gap != nullptr) add("gap", wire::to_json(*gap));
  last_sequence_ = std::max(last_sequence_, record.sequence);
  // A sequence leaves as a whole, so that a resume never gets half a record.
  while (events_.size() > 2 * recent_) {
    forgotten_through_ = events_.front().sequence;
    while (!events_.empty() && events_.front().sequence == forgotten_through_) events_.pop_front();
  }
}

void NodeState::commit(const wire::Record& record, const wire::Finding* finding, const wire::Drift* drift,
                       const wire::Gap* gap) {
  {
    const std::lock_guard lock(mutex_);
    if (drift != nullptr) book_.commit(*drift);
    remember(record, finding, drift, gap);
  }
  const std::lock_guard lock(subscribers_mutex_);
  for (const auto& [id, wake] : subscribers_) wake();
}

void NodeState::restore(const wire::Record& record, const wire::Finding* finding, const wire::Drift* drift,
                        const wire::Gap* gap, bool take_drift) {
  const std::lock_guard lock(mutex_);
  if (drift != nullptr && take_drift) book_.commit(*drift);
  if (events_.empty() && last_sequence_ == 0 && record.sequence > 0) forgotten_through_ = record.sequence - 1;
  remember(record, finding, drift, gap);
}

void NodeState::restore_drift(const wire::Drift& drift) {
  const std::lock_guard lock(mutex_);
  book_.commit(drift);
}

std::vector<wire::Drift> NodeState::drifts() const {
  const std::lock_guard lock(mutex_);
  return book_.newest_first();
}

std::vector<wire::Finding> NodeState::findings() const {
  std::vector<std::string> newest_first;
  {
    const std::lock_guard lock(mutex_);
    for (auto it = events_.rbegin(); it != events_.rend() && newest_first.size() < recent_; ++it)
      if (it->event == "finding") newest_first.push_back(it->data);
  }
  std::vector<wire::Finding> all;
  for (const auto& text : newest_first)
    if (auto finding = wire::finding_from_json(Json::parse(text, nullptr, false))) all.push_back(std::move(*finding));
  return all;
}

std::vector<wire::ResourceStatus> NodeState::resources() const {
  // Describing reads the users' files and computes digests: not while the observing thread waits.
  std::vector<std::pair<std::shared_ptr<const ResourceRow>, std::string>> rows;
  {
    const std::lock_guard lock(mutex_);
    rows.reserve(rows_.size());
    for (const auto& [key, row] : rows_) {
      const auto* drift = book_.open_drift(
          {row->baseline.name, row->expected.address, row->expected.path, row->container ? row->container->id : ""});
      rows.emplace_back(row, drift != nullptr ? drift->id : "");
    }
  }
  const std::lock_guard lock(users_mutex_);
  std::vector<wire::ResourceStatus> all;
  all.reserve(rows.size());
  for (const auto& [row, drift_id] : rows) {
    wire::ResourceStatus status;
    status.resource = row->expected.address;
    status.path = row->expected.path;
    status.container = row->container;
    status.baseline = row->baseline;
    status.comparison = row->comparison.result;
    status.diff = row->comparison.diff;
    status.expected = describe(row->expected);
    const bool keyed =
        row->expected.sensitive || (row->expected.content && row->expected.content->starts_with("hmac-"));
    status.live = describe(row->live, keyed, *row->key, users_, !row->container);
    status.last_checked = row->last_checked;
    status.watched = row->unwatched.empty();
    status.unwatched_reason = row->unwatched.empty() ? row->comparison.why_not : row->unwatched;
    // What is compared is as it should be, but not all is compared.
    if (status.comparison == wire::ComparisonResult::match && !row->comparison.unknown_names.empty()) {
      status.comparison = wire::ComparisonResult::not_comparable;
      if (status.watched) status.unwatched_reason = row->comparison.unknown_names;
    }
    status.drift_id = drift_id;
    all.push_back(std::move(status));
  }
  return all;
}

std::vector<wire::ResourceOwner> NodeState::owners_of(const std::string& path_or_id) const {
  std::vector<std::pair<std::shared_ptr<const baseline::Index>, wire::BaselineRef>> indexes;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& b : baselines_)
      if (b.index) indexes.emplace_back(b.index, wire::BaselineRef{b.name, b.revision});
  }
  std::vector<wire::ResourceOwner> all;
  for (const auto& [index, baseline] : indexes) {
    std::vector<baseline::Owner> owners;
    if (path_or_id.starts_with('/')) owners = index->owners_of_path(path_or_id);
    const std::size_t by_path = owners.size();  // of which many have the path as their id too
    for (auto& owner : index->owners_of_id(path_or_id))
      if (std::none_of(owners.begin(), owners.begin() + static_cast<std::ptrdiff_t>(by_path),
                       [&](const auto& known) { return known.resource == owner.resource; }))
        owners.push_back(std::move(owner));
    for (const auto& owner : owners) {
      const auto resource = index->resource(owner.resource);
      wire::ResourceOwner& told = all.emplace_back();
      told.resource = resource.address;
      told.type = resource.type;
      told.provider = resource.provider;
      told.baseline = baseline;
      told.rank = owner.rank;
      told.reason = owner.reason;
      told.ids = resource.ids;
      for (std::uint32_t i = 0; i < index->file_count(); ++i)
        if (index->owner_of_file(i) == owner.resource) told.files.push_back(index->file(i).path);
    }
  }
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return std::tie(a.rank, a.resource) < std::tie(b.rank, b.resource); });
  return all;
}

std::vector<wire::BlindSpot> NodeState::blind_spots() const {
  const std::lock_guard lock(mutex_);
  std::vector<wire::BlindSpot> all = blind_spots_;
  all.insert(all.end(), container_blind_spots_.begin(), container_blind_spots_.end());
  if (calls_.blind_spots) {
    for (auto& spot : calls_.blind_spots()) all.push_back(std::move(spot));
  } else if (!why_no_calls_.empty()) {
    all.push_back({"calls_not_seen", "node", "Calls of cloud APIs are not seen.", why_no_calls_,
                   "set calls.enabled to true in agent.yaml"});
  }
  std::map<std::string, std::string> file_of;
  for (const auto& baseline : baselines_) file_of[baseline.name] = baseline.path;
  for (const auto& [key, row] : rows_) {
    if (!row->unwatched.empty())
      all.push_back({"path_not_watched", row->expected.path, "Changes of this path are found by the rescan only.",
                     row->unwatched, ""});
    if (!row->comparison.unknown_names.empty())
      all.push_back({"name_not_known", row->expected.path, "Its owner or group is not compared.",
                     row->comparison.unknown_names + ", which " + file_of[row->baseline.name] + " (baseline " +
                         row->baseline.name + ") expects in the entry of this path",
                     "mend the name there, or make the user or group: it is looked up at the next change or rescan"});
  }
  const WallNs now = SystemClock().wall();
  for (const auto& baseline : baselines_) {
    if (!baseline.why_no_index.empty())
      all.push_back({"baseline_without_index", baseline.name,
                     "Who owns a path or cloud id of this baseline cannot be looked up, and a restart would go back to "
                     "the revision before.",
                     baseline.why_no_index, "make room in state_dir; it is tried again every minute"});
    if (!baseline.unwatched.empty())
      all.push_back({"baseline_not_watched", baseline.name,
                     "A change of this source is found by the rescan only, or by SIGHUP.", baseline.unwatched,
                     "raise limits.max_marks where marks are short"});
    const bool stale = is_overdue(baseline, now);
    if (stale && baseline.kind == "handout")
      all.push_back({"handout_old", baseline.name,
                     "The newest list of this node's baselines was signed at " + rfc3339(baseline.moved_at) + ".",
                     "the collector signs it anew every few minutes: it is down, a clock is wrong, or somebody holds "
                     "newer lists back",
                     "compare GET " + baseline.path + "/v1/baselines with what this node has, and both clocks"});
    else if (stale)
      all.push_back({"baseline_not_moving", baseline.name,
                     "Its source shows the same revision since " + rfc3339(baseline.moved_at) + ".",
                     "stale_after says that it should have moved by now",
                     "see whether what writes " + baseline.path + " still runs"});
    if (!baseline.error.empty())
      all.push_back({!baseline.loaded   ? "baseline_missing"
                     : baseline.pattern ? "baseline_incomplete"
                                        : "baseline_stale",
                     baseline.name,
                     !baseline.loaded   ? "Nothing of this baseline is watched."
                     : baseline.pattern ? "Not all that matches this pattern is watched."
                                        : "Files are compared with an older revision of this baseline.",
                     baseline.error, "mend the source; it is read again as soon as it changes"});
  }
  return all;
}

std::string NodeState::status_json() const {
  const std::lock_guard lock(mutex_);
  Json baselines = Json::array();
  for (const auto& b : baselines_) {
    Json j = {{"name", b.name},      {"kind", b.kind},           {"path", wire::json_text(b.path)},
              {"loaded", b.loaded},  {"resources", b.resources}, {"files", b.files},
              {"skipped", b.skipped}};
    j["revision"] = b.revision;
    if (b.loaded_at != 0) j["loaded_at"] = rfc3339(b.loaded_at);
    if (b.moved_at != 0) j["moved_at"] = rfc3339(b.moved_at);
    if (!b.cluster.empty()) j["cluster"] = b.cluster;
    if (b.handed) j["handed"] = true;
    if (b.from_disk) j["from_disk"] = true;
    if (!b.error.empty()) j["error"] = wire::json_text(b.error);
    baselines.push_back(std::move(j));
  }
  Json counters = Json::object();
  for (const auto& info : counter_table) counters[std::string(info.name)] = (counters_.*(info.field)).load();
  std::size_t mismatches = 0;
  for (const auto& [key, row] : rows_) mismatches += row->comparison.result == wire::ComparisonResult::mismatch ? 1 : 0;
  Json health = Json::object();
  for (const auto& [name, check] : health_) health[name] = {{"ok", check.ok}, {"says", wire::json_text(check.says)}};
  Json j = {{"version", PLUMBLINE_VERSION},
            {"node_id", identity_.node_id},
            {"node", identity_.node},
            {"boot_id", identity_.boot_id},
            {"labels", identity_.labels},
            {"tier", tier_},
            {"kernel", Json::parse(kernel_json_, nullptr, false)},
            {"baselines", std::move(baselines)},
            {"resources", {{"total", rows_.size()}, {"mismatch", mismatches}}},
            {"drift", {{"open", book_.open_count()}, {"forgotten", book_.forgotten()}}},
            {"health", std::move(health)},
            {"counters", std::move(counters)},
            {"last_sequence", last_sequence_}};
  if (sources_.spool_json) j["spool"] = Json::parse(sources_.spool_json(), nullptr, false);
  j["calls"] = calls_.status_json ? Json::parse(calls_.status_json(), nullptr, false)
                                  : Json{{"enabled", false}, {"why", wire::json_text(why_no_calls_)}};
  if (sources_.exporter_json) j["exporter"] = Json::parse(sources_.exporter_json(), nullptr, false);
  return j.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string NodeState::metrics_text() const {
  std::string text;
  const auto line = [&](std::string_view name, std::string_view type, std::string_view help, std::uint64_t value) {
    append_metric(text, std::string("plumbline_").append(name), type, help, value);
  };
  for (const auto& info : counter_table) line(info.name, info.type, info.help, (counters_.*(info.field)).load());
  const std::lock_guard lock(mutex_);
  line("drift_open", "gauge", "Resources out of true.", book_.open_count());
  line("resources", "gauge", "Managed files.", rows_.size());
  const WallNs now = SystemClock().wall();
  line("baselines_stale", "gauge", "Baselines that could not be read as they are now, or should have moved.",
       static_cast<std::uint64_t>(std::count_if(baselines_.begin(), baselines_.end(), [now](const auto& baseline) {
         return !baseline.error.empty() || is_overdue(baseline, now);
       })));
  line("ready", "gauge", "1: hooks, baselines and spool are as they should be (/readyz).",
       std::all_of(ready_checks.begin(), ready_checks.end(), [this](const char* name) { return health_.at(name).ok; }));
  text += "# HELP plumbline_capability_info The tier in use.\n# TYPE plumbline_capability_info gauge\n";
  text += R"(plumbline_capability_info{class="file",tier=")" + tier_ + "\"} 1\n";
  text += "# HELP plumbline_build_info Version of the agent.\n# TYPE plumbline_build_info gauge\n";
  text += "plumbline_build_info{version=\"" PLUMBLINE_VERSION "\"} 1\n";
  if (sources_.extra_metrics) text += sources_.extra_metrics();
  if (calls_.metrics_text) text += calls_.metrics_text();
  return text;
}

std::vector<HealthCheck> NodeState::checks(std::span<const char* const> names) const {
  const std::lock_guard lock(mutex_);
  std::vector<HealthCheck> all;
  for (const auto& name : names) all.push_back(health_.at(name));
  return all;
}

std::vector<HealthCheck> NodeState::live() const {
  const std::int64_t age = SystemClock().boot() - last_beat_.load(std::memory_order_relaxed);
  const bool turns = age < stuck_after_ns;
  return {{"loop", turns,
           turns ? "the observing loop turns" : "no turn for " + std::to_string(age / 1'000'000'000) + " s"}};
}

std::vector<HealthCheck> NodeState::ready() const {
  return checks(ready_checks);
}
std::vector<HealthCheck> NodeState::started() const {
  return checks(started_checks);
}

std::vector<StreamEvent> NodeState::events_after(std::uint64_t after, std::size_t limit, std::uint64_t* oldest) const {
  const std::lock_guard lock(mutex_);
  if (oldest != nullptr) *oldest = forgotten_through_ + 1;
  auto it = std::upper_bound(events_.begin(), events_.end(), after,
                             [](std::uint64_t sequence, const StreamEvent& e) { return sequence < e.sequence; });
  std::vector<StreamEvent> found;
  for (; it != events_.end(); ++it) {
    // Only whole sequences: a client that reads on after the last one would miss the other half.
    if (found.size() >= limit && it->sequence != found.back().sequence) break;
    found.push_back(*it);
  }
  return found;
}

std::uint64_t NodeState::last_sequence() const {
  const std::lock_guard lock(mutex_);
  return last_sequence_;
}

std::shared_ptr<void> NodeState::subscribe(std::function<void()> wake) {
  const std::lock_guard lock(subscribers_mutex_);
  const std::uint64_t id = next_subscriber_++;
  subscribers_[id] = std::move(wake);
  return {static_cast<void*>(nullptr), [this, id](void*) {
            const std::lock_guard unlock(subscribers_mutex_);
            subscribers_.erase(id);
          }};
}

}  // namespace plumbline::agent
