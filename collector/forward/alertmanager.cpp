#include "collector/forward/alertmanager.hpp"

#include <limits>

#include "collector/forward/alert.hpp"
#include "collector/forward/silence_set.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::collector {
namespace {

constexpr std::size_t max_records = 200;
constexpr auto no_end = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
constexpr WallNs hour = 3'600'000'000'000;

const char* name_of(const Alert& alert) {
  if (alert.type == "drift") return "PlumblineDrift";
  if (alert.type == "silence") return "PlumblineAgentSilent";
  if (alert.type == "gap") return "PlumblineGap";
  if (alert.type == "sequence_gap") return "PlumblineRecordsMissing";
  if (alert.type == "conflict") return "PlumblineConflict";
  return nullptr;
}

std::string differences(const Alert& alert) {
  std::string text;
  for (const auto& diff : alert.diff)
    text += diff.attribute + ": expected " + cut_text(diff.expected, 200) + ", live " + cut_text(diff.live, 200) + "\n";
  return text;
}

class AlertmanagerSink final : public Sink {
 public:
  AlertmanagerSink(std::unique_ptr<HttpPoster> poster, AlertmanagerOptions options, const Store* store,
                   const Clock& clock)
      : poster_(std::move(poster)), options_(std::move(options)), store_(store), clock_(clock) {
    target_ = poster_->target();
    if (!target_.ends_with('/')) target_ += '/';
    target_ += "api/v2/alerts";
  }

  SinkPace pace() const override { return {max_records, {}, {}, options_.resend}; }

  Delivery deliver(std::span<const LedgerRecord> records) override {
    std::vector<std::string> alerts;
    for (const auto& record : records)
      if (auto alert = prometheus_alert(record, until()); !alert.empty()) alerts.push_back(std::move(alert));
    return post(alerts, records.size());
  }

  Delivery refresh() override {
    if (store_ == nullptr) return Delivery::done(0);
    auto active = store_->silences_over(no_end, no_end);
    if (!active) return Delivery::again(active.error().message());
    const SilenceSet silences(std::move(*active));
    // Whatever needs somebody: an alert that nobody tells again ends by itself, which would say that all is well.
    for (const char* state : {"open", "contested"})
      if (Delivery told = tell_again(state, silences); told.outcome != Delivery::Outcome::delivered)
        return passed_over(told);
    const auto nodes = store_->nodes();
    if (!nodes) return Delivery::again(nodes.error().message());
    std::vector<std::string> alerts;
    for (const auto& node : *nodes) {
      if (node.silent_since != 0)
        alerts.push_back(prometheus_alert(record_of(node, "silence", node.silent_since), until()));
      if (node.gap_since != 0)
        alerts.push_back(prometheus_alert(record_of(node, "sequence_gap", node.gap_since), until()));
      if (node.conflict_since != 0)
        alerts.push_back(prometheus_alert(record_of(node, "conflict", node.conflict_since), until()));
    }
    return passed_over(post(alerts, 0));
  }

  void cancel() noexcept override { poster_->cancel(); }

 private:
  WallNs until() const { return clock_.wall() + 4 * std::chrono::nanoseconds(options_.resend).count(); }

  /// All drifts in this state, but those that are silenced.
  Delivery tell_again(const char* state, const SilenceSet& silences) {
    Query query;
    query.state = state;
    query.limit = max_records;
    do {
      const auto page = store_->drifts(query);
      if (!page) return Delivery::again(page.error().message());
      std::vector<std::string> alerts;
      for (const auto& row : page->items)
        if (const auto record = collector::record_of(row); !silences.holds(record))
          alerts.push_back(prometheus_alert(record, until()));
      if (Delivery posted = post(alerts, 0); posted.outcome != Delivery::Outcome::delivered) return posted;
      query.before = page->next;
    } while (query.before != 0);
    return Delivery::done(0);
  }

  static LedgerRecord record_of(const NodeRow& row, const char* type, WallNs since) {
    LedgerRecord record;
    record.node_id = row.node_id;
    record.node = row.node;
    record.type = type;
    record.at = since;
    record.body = R"({"silence":{"state":"silent"}})";
    return record;
  }

  Delivery post(const std::vector<std::string>& alerts, std::size_t count) {
    if (alerts.empty()) return Delivery::done(count);
    HttpHeaders headers;
    if (const auto added = add_authorization(options_.auth, headers); !added)
      return Delivery::pause(added.error().message());
    return delivery_of_batch(poster_->post(headers, wire::json_array(alerts), "application/json", target_), count);
  }

  /// What is told again is no record, so there is nothing to split or set aside: it is told again later.
  static Delivery passed_over(Delivery delivery) {
    using Outcome = Delivery::Outcome;
    if (delivery.outcome == Outcome::split || delivery.outcome == Outcome::refused)
      delivery.outcome = Outcome::delivered;
    return delivery;
  }

  std::unique_ptr<HttpPoster> poster_;
  AlertmanagerOptions options_;
  const Store* store_;
  const Clock& clock_;
  std::string target_;
};

}  // namespace

std::string prometheus_alert(const LedgerRecord& record, WallNs until) {
  const Alert alert = alert_of(record);
  const char* const name = name_of(alert);
  if (name == nullptr) return "";
  // Labels are an alert's identity, so nothing is in them that changes while it is open, but for a severity that rises.
  wire::JsonObject labels;
  labels.text("alertname", name).text("severity", std::string(wire::text_of(alert.severity))).text("node", record.node);
  if (alert.type == "drift") {
    labels.bytes("resource", alert.resource).bytes("drift", record.drift_id);
    // To group by: the same change on many nodes is the same resource of the same baseline.
    labels.bytes_if("baseline", alert.drift_baseline);
  }
  wire::JsonObject annotations;
  annotations.text("summary", alert.title).text("finding_uid", alert.uid);
  annotations.bytes_if("verdict", alert.verdict)
      .bytes_if("path", alert.where.path)
      .bytes_if("diff", differences(alert));
  if (alert.actor.process) annotations.bytes_if("command", command_line(alert.actor.process->argv));
  annotations.bytes_if("closed_by", alert.closed_by);
  WallNs end = until;
  // A rule that keeps a drift quiet ends its alert, as its end does.
  if (alert.phase == Phase::closed || alert.state == "suppressed") end = alert.at;
  // What nothing ever closes is over after an hour.
  else if (alert.type == "gap")
    end = std::max(until, record.received_at + hour);
  wire::JsonObject j;
  j.raw("labels", labels.str()).raw("annotations", annotations.str());
  // An end before the start is refused.
  j.text("startsAt", rfc3339(std::min(alert.first_seen, end))).text("endsAt", rfc3339(end));
  return j.str();
}

Result<std::unique_ptr<Sink>> make_alertmanager_sink(const AlertmanagerOptions& options, const Store* store,
                                                     std::shared_ptr<Watchdog> watchdog, const Clock& clock) {
  HttpHeaders unused;
  if (const auto added = add_authorization(options.auth, unused); !added) return added.error();
  auto poster = HttpPoster::make(options.http, std::move(watchdog), clock);
  if (!poster) return poster.error();
  return std::unique_ptr<Sink>(std::make_unique<AlertmanagerSink>(std::move(*poster), options, store, clock));
}

}  // namespace plumbline::collector
