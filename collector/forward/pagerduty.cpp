#include "collector/forward/pagerduty.hpp"

#include <algorithm>

#include "collector/forward/alert.hpp"
#include "collector/forward/answers.hpp"
#include "collector/forward/fleet.hpp"
#include "collector/forward/http_auth.hpp"
#include "include/wire/json.hpp"

namespace plumbline::collector {
namespace {

constexpr auto least_wait = std::chrono::minutes(1);  // PagerDuty asks for minutes after a 429
constexpr std::size_t max_records = 500;              // looked at together: each is a body in memory
constexpr std::size_t max_dedup_key = 255;
constexpr std::size_t max_diffs = 50;  // an event may have 512 KB

const char* severity_of(wire::Severity severity) {
  switch (severity) {
    case wire::Severity::info:
    case wire::Severity::low:
      return "info";
    case wire::Severity::medium:
      return "warning";
    case wire::Severity::high:
      return "error";
    case wire::Severity::critical:
      break;
  }
  return "critical";
}

/// Records that are one incident, in ledger order.
struct Incident {
  std::string key;                   ///< its dedup_key
  std::vector<std::size_t> records;  ///< where they stand in the batch
  Alert latest;                      ///< of the last one that is not over, else of the last
  std::string resource;              ///< as the store has it
  std::string node;                  ///< of `latest`
  bool pages = false;
};

std::string payload(const Incident& incident, const FleetDrift& fleet) {
  const Alert& alert = incident.latest;
  wire::JsonObject details;
  details.text("node", incident.node).text("record_uid", alert.record_uid);
  if (fleet.nodes > 0) {
    std::vector<std::string> names;
    for (const auto& name : fleet.first) wire::append_json_string(names.emplace_back(), name);
    details.number("nodes", fleet.nodes).raw("first_nodes", wire::json_array(names));
    details.number("different_changes", fleet.changes);
  }
  details.bytes_if("verdict", alert.verdict).bytes_if("path", cut_text(alert.where.path, 4096));
  auto diff = alert.diff;
  if (diff.size() > max_diffs) diff.resize(max_diffs);
  for (auto& one : diff) {
    one.expected = cut_text(one.expected, 500);
    one.live = cut_text(one.live, 500);
  }
  if (!diff.empty()) details.raw("diff", wire::to_json(diff));
  if (alert.actor.process) {
    const auto& p = *alert.actor.process;
    details.bytes_if("executable", p.exe).bytes_if("command", cut_text(command_line(p.argv), 2000));
    details.bytes_if("user", p.user).bytes_if("login_user", p.login_user);
  }
  const std::string where = fleet.nodes == 0 ? incident.node : nodes_text(fleet.nodes, fleet.first);
  wire::JsonObject j;
  j.text("summary", fleet.nodes == 0 ? alert.title : title_of(alert, where)).text("source", cut_text(where, 500));
  j.text("severity", severity_of(fleet.nodes == 0 ? alert.severity : fleet.worst));
  j.text("timestamp", rfc3339(alert.at)).bytes_if("component", cut_text(alert.resource, 500));
  if (alert.baseline) j.bytes_if("group", alert.baseline->name);
  return j.text("class", alert.type).raw("custom_details", details.str()).str();
}

class PagerdutySink final : public Sink {
 public:
  PagerdutySink(std::unique_ptr<HttpPoster> poster, PagerdutyOptions options, const Store* store)
      : poster_(std::move(poster)), options_(std::move(options)), store_(store) {}

  SinkPace pace() const override {
    if (!options_.by_fleet) return {};
    return {max_records, options_.group_wait, {}, {}};
  }

  Delivery deliver(std::span<const LedgerRecord> records) override {
    Delivery all = Delivery::done(records.size());
    bool goes_on = true;
    for (const Incident& incident : incidents_of(records)) {
      const Delivery delivery = goes_on ? tell(incident) : Delivery::again(all.why);
      if (delivery.outcome == Delivery::Outcome::delivered) continue;
      const bool refused = delivery.outcome == Delivery::Outcome::refused;
      // The first one's fate is the batch's where the rest must wait too: a pause stays a pause.
      const bool is_first = incident.records.front() == 0;
      if (incident.records.size() == records.size() || (is_first && !refused)) return delivery;
      if (!refused && goes_on) {
        goes_on = false;
        all.why = delivery.why;
        all.retry_after = delivery.retry_after;
      }
      for (const std::size_t index : incident.records) all.exceptions.push_back({index, refused, delivery.why});
    }
    std::sort(all.exceptions.begin(), all.exceptions.end(),
              [](const auto& a, const auto& b) { return a.index < b.index; });
    return all;
  }

  void cancel() noexcept override { poster_->cancel(); }

 private:
  bool is_of_the_fleet(const Alert& alert) const { return options_.by_fleet && alert.judged && alert.type == "drift"; }

  bool pages(const Alert& alert) const {
    if (alert.type == "gap" || alert.type == "finding" || alert.type == "alert_silence" || alert.type == "node")
      return false;
    // An end is always told: what it ended may have been worse. PagerDuty takes one of an incident that never was.
    return alert.phase == Phase::closed || alert.severity >= options_.min_severity;
  }

  std::vector<Incident> incidents_of(std::span<const LedgerRecord> records) const {
    std::vector<Incident> incidents;
    for (std::size_t i = 0; i < records.size(); ++i) {
      Alert alert = alert_of(records[i]);
      const std::string key = is_of_the_fleet(alert) ? fleet_key(records[i].resource, alert.drift_baseline)
                                                     : alert.uid.substr(0, max_dedup_key);
      auto at = std::find_if(incidents.begin(), incidents.end(), [&](const Incident& one) { return one.key == key; });
      if (at == incidents.end()) at = incidents.insert(at, Incident{key, {}, {}, records[i].resource, "", false});
      at->pages = at->pages || pages(alert);
      if (at->records.empty() || !is_of_the_fleet(alert) || alert.phase != Phase::closed ||
          at->latest.phase == Phase::closed) {
        at->latest = std::move(alert);
        at->node = records[i].node;
      }
      at->records.push_back(i);
    }
    return incidents;
  }

  Delivery tell(const Incident& incident) {
    if (!incident.pages) return Delivery::done(1);
    bool over = incident.latest.phase == Phase::closed;
    FleetDrift fleet;
    if (store_ != nullptr && is_of_the_fleet(incident.latest)) {
      // What is open now, not what the records say: of two nodes one may be done and the other not.
      auto open = open_across(*store_, incident.resource, incident.latest.drift_baseline, options_.min_severity);
      if (!open) return Delivery::again(open.error().message());
      // An end on some nodes is no news while others have it open; a trigger could wake somebody who closed the page.
      if (over && open->nodes > 0) return Delivery::done(1);
      over = open->nodes == 0;
      fleet = std::move(*open);
    }
    const auto key = read_header_secret(options_.routing_key_file);
    if (!key) return Delivery::pause(key.error().message());
    wire::JsonObject event;
    event.text("routing_key", *key).text("event_action", over ? "resolve" : "trigger");
    event.text("dedup_key", incident.key);
    if (!over) event.raw("payload", payload(incident, fleet)).text("client", "Plumbline");
    HttpReply reply = poster_->post({}, event.str(), "application/json");
    // It quotes what was wrong, and that may be the key.
    reply.excerpt.clear();
    Delivery delivery = delivery_of(reply, 1);
    if (reply.status == 400 && blames_routing_key(reply.body))
      return Delivery::pause("HTTP 400: PagerDuty does not take the routing key in " + options_.routing_key_file);
    if (reply.status == 429) delivery.retry_after = std::max(reply.retry_after.value_or(least_wait), {least_wait});
    return delivery;
  }

  std::unique_ptr<HttpPoster> poster_;
  PagerdutyOptions options_;
  const Store* store_;
};

}  // namespace

Result<std::unique_ptr<Sink>> make_pagerduty_sink(const PagerdutyOptions& options, const Store* store,
                                                  std::shared_ptr<Watchdog> watchdog, const Clock& clock) {
  if (const auto key = read_header_secret(options.routing_key_file); !key) return key.error();
  auto poster = HttpPoster::make(options.http, std::move(watchdog), clock);
  if (!poster) return poster.error();
  return std::unique_ptr<Sink>(std::make_unique<PagerdutySink>(std::move(*poster), options, store));
}

}  // namespace plumbline::collector
