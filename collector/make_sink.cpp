#include "collector/make_sink.hpp"

namespace plumbline::collector {
namespace {

struct Maker {
  const Store* store;
  const std::shared_ptr<Watchdog>& watchdog;
  const Clock& clock;

  using Made = Result<std::unique_ptr<Sink>>;
  Made operator()(const std::monostate&) const { return invalid("build a sink", "it has no destination", ""); }
  Made operator()(const WebhookOptions& options) const { return make_webhook_sink(options, watchdog, clock); }
  Made operator()(const SlackOptions& options) const { return make_slack_sink(options, watchdog, clock); }
  Made operator()(const NdjsonOptions& options) const { return make_ndjson_sink(options); }
  Made operator()(const SyslogOptions& options) const { return make_syslog_sink(options, watchdog); }
  Made operator()(const ElasticsearchOptions& options) const {
    return make_elasticsearch_sink(options, watchdog, clock);
  }
  Made operator()(const SplunkOptions& options) const { return make_splunk_sink(options, watchdog, clock); }
  Made operator()(const OtlpOptions& options) const { return make_otlp_sink(options, watchdog, clock); }
  Made operator()(const AlertmanagerOptions& options) const {
    return make_alertmanager_sink(options, store, watchdog, clock);
  }
  Made operator()(const PagerdutyOptions& options) const {
    return make_pagerduty_sink(options, store, watchdog, clock);
  }
  Made operator()(const TeamsOptions& options) const { return make_teams_sink(options, watchdog, clock); }
  Made operator()(const KafkaOptions& options) const { return make_kafka_sink(options); }
};

}  // namespace

Result<std::unique_ptr<Sink>> make_sink(const SinkConfig& config, const Store* store,
                                        const std::shared_ptr<Watchdog>& watchdog, const Clock& clock) {
  auto sink = std::visit(Maker{store, watchdog, clock}, config.destination);
  if (sink) return sink;
  Error error = sink.error();
  error.what = "build sink " + config.name + ": " + error.what;
  return error;
}

}  // namespace plumbline::collector
