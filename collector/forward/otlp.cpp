#include "collector/forward/otlp.hpp"

#include <map>

#include "collector/forward/alert.hpp"
#include "collector/forward/answers.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::collector {
namespace {

constexpr std::size_t max_records = 200;

/// OpenTelemetry's log data model: INFO 9, INFO2 10, WARN 13, ERROR 17, FATAL 21.
std::pair<int, const char*> severity_of(wire::Severity severity) {
  switch (severity) {
    case wire::Severity::info:
      return {9, "INFO"};
    case wire::Severity::low:
      return {10, "INFO2"};
    case wire::Severity::medium:
      return {13, "WARN"};
    case wire::Severity::high:
      return {17, "ERROR"};
    case wire::Severity::critical:
      break;
  }
  return {21, "FATAL"};
}

/// [{"key": …, "value": {"stringValue": …}}, …], without those that are empty.
std::string attributes(const std::vector<std::pair<const char*, std::string>>& all) {
  std::vector<std::string> out;
  for (const auto& [key, value] : all)
    if (!value.empty())
      out.push_back(
          wire::JsonObject().text("key", key).raw("value", wire::JsonObject().bytes("stringValue", value).str()).str());
  return wire::json_array(out);
}

std::string log_record(const LedgerRecord& record, Format format) {
  const Alert alert = alert_of(record);
  const auto [number, text] = severity_of(alert.severity);
  wire::JsonObject j;
  j.text("timeUnixNano", std::to_string(alert.at)).text("observedTimeUnixNano", std::to_string(record.received_at));
  j.number("severityNumber", number).text("severityText", text);
  j.raw("body", wire::JsonObject().text("stringValue", document(format, record, alert)).str());
  j.raw("attributes", attributes({{"event.name", "plumbline." + alert.type},
                                  {"log.record.uid", alert.record_uid},
                                  {"plumbline.finding.uid", alert.uid},
                                  {"plumbline.resource", alert.resource},
                                  {"plumbline.verdict", alert.verdict},
                                  {"plumbline.state", alert.state},
                                  {"plumbline.title", alert.title}}));
  return j.str();
}

class OtlpSink final : public Sink {
 public:
  OtlpSink(std::unique_ptr<HttpPoster> poster, OtlpOptions options)
      : poster_(std::move(poster)), options_(std::move(options)) {}

  SinkPace pace() const override { return {max_records, {}, {}, {}}; }

  Delivery deliver(std::span<const LedgerRecord> records) override {
    HttpHeaders headers;
    if (const auto added = add_authorization(options_.auth, headers); !added)
      return Delivery::pause(added.error().message());
    const HttpReply reply = poster_->post(headers, otlp_request(records, options_.format), "application/json");
    Delivery delivery = delivery_of_batch(reply, records.size());
    const int status = reply.status;
    if (status >= 500 && status != 502 && status != 503 && status != 504) return Delivery::refuse(delivery.why);
    if (delivery.outcome != Delivery::Outcome::delivered) return delivery;
    const PartialSuccess partial = read_otlp_answer(reply.body);
    if (partial.rejected == 0) return delivery;
    return Delivery::refuse(
        std::to_string(partial.rejected) + " of " + std::to_string(records.size()) +
        " log records of this request were rejected (the answer does not say which): " + partial.message);
  }

  void cancel() noexcept override { poster_->cancel(); }

 private:
  std::unique_ptr<HttpPoster> poster_;
  OtlpOptions options_;
};

}  // namespace

std::string otlp_request(std::span<const LedgerRecord> records, Format format) {
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> by_node;
  for (const auto& record : records) by_node[{record.node_id, record.node}].push_back(log_record(record, format));
  std::vector<std::string> resources;
  for (const auto& [node, logs] : by_node) {
    wire::JsonObject scope;
    scope.raw("scope", wire::JsonObject().text("name", "plumbline").text("version", PLUMBLINE_VERSION).str());
    scope.raw("logRecords", wire::json_array(logs));
    wire::JsonObject resource;
    resource.raw("attributes",
                 attributes({{"service.name", "plumbline"}, {"host.id", node.first}, {"host.name", node.second}}));
    wire::JsonObject one;
    one.raw("resource", resource.str()).raw("scopeLogs", "[" + scope.str() + "]");
    resources.push_back(one.str());
  }
  return wire::JsonObject().raw("resourceLogs", wire::json_array(resources)).str();
}

Result<std::unique_ptr<Sink>> make_otlp_sink(const OtlpOptions& options, std::shared_ptr<Watchdog> watchdog,
                                             const Clock& clock) {
  HttpHeaders unused;
  if (const auto added = add_authorization(options.auth, unused); !added) return added.error();
  auto poster = HttpPoster::make(options.http, std::move(watchdog), clock);
  if (!poster) return poster.error();
  return std::unique_ptr<Sink>(std::make_unique<OtlpSink>(std::move(*poster), options));
}

}  // namespace plumbline::collector
