#include "collector/forward/pagerduty.hpp"

#include "collector/forward/alert.hpp"
#include "collector/forward/http_auth.hpp"
#include "include/wire/json.hpp"

namespace plumbline::collector {
namespace {

constexpr auto least_wait = std::chrono::minutes(1);  // PagerDuty asks for minutes after a 429
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

std::string payload(const LedgerRecord& record, const Alert& alert) {
  wire::JsonObject details;
  details.text("node", record.node).text("record_uid", alert.record_uid);
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
  wire::JsonObject j;
  j.text("summary", alert.title).text("source", record.node).text("severity", severity_of(alert.severity));
  j.text("timestamp", rfc3339(alert.at)).bytes_if("component", cut_text(alert.resource, 500));
  if (alert.baseline) j.bytes_if("group", alert.baseline->name);
  return j.text("class", alert.type).raw("custom_details", details.str()).str();
}

class PagerdutySink final : public Sink {
 public:
  PagerdutySink(std::unique_ptr<HttpPoster> poster, PagerdutyOptions options)
      : poster_(std::move(poster)), options_(std::move(options)) {}

  SinkPace pace() const override { return {}; }

  Delivery deliver(std::span<const LedgerRecord> records) override {
    const LedgerRecord& record = records.front();
    const Alert alert = alert_of(record);
    if (!pages(alert)) return Delivery::done(1);
    const auto key = read_header_secret(options_.routing_key_file);
    if (!key) return Delivery::pause(key.error().message());
    const bool closed = alert.phase == Phase::closed;
    wire::JsonObject event;
    event.text("routing_key", *key).text("event_action", closed ? "resolve" : "trigger");
    event.text("dedup_key", alert.uid.size() <= max_dedup_key ? alert.uid : alert.uid.substr(0, max_dedup_key));
    if (!closed) event.raw("payload", payload(record, alert)).text("client", "Plumbline");
    HttpReply reply = poster_->post({}, event.str(), "application/json");
    // It quotes what was wrong, and that may be the key.
    reply.excerpt.clear();
    Delivery delivery = delivery_of(reply, 1);
    if (reply.status == 429) delivery.retry_after = std::max(reply.retry_after.value_or(least_wait), {least_wait});
    return delivery;
  }

  void cancel() noexcept override { poster_->cancel(); }

 private:
  bool pages(const Alert& alert) const {
    if (alert.type == "gap" || alert.type == "finding") return false;
    // An end is always told: what it ended may have been worse. PagerDuty takes one of an incident that never was.
    return alert.phase == Phase::closed || alert.severity >= options_.min_severity;
  }

  std::unique_ptr<HttpPoster> poster_;
  PagerdutyOptions options_;
};

}  // namespace

Result<std::unique_ptr<Sink>> make_pagerduty_sink(const PagerdutyOptions& options, std::shared_ptr<Watchdog> watchdog,
                                                  const Clock& clock) {
  if (const auto key = read_header_secret(options.routing_key_file); !key) return key.error();
  auto poster = HttpPoster::make(options.http, std::move(watchdog), clock);
  if (!poster) return poster.error();
  return std::unique_ptr<Sink>(std::make_unique<PagerdutySink>(std::move(*poster), options));
}

}  // namespace plumbline::collector
