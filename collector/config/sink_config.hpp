// One entry of `sinks` in collector.yaml as plain data.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "collector/forward/alertmanager.hpp"
#include "collector/forward/elasticsearch.hpp"
#include "collector/forward/kafka.hpp"
#include "collector/forward/ndjson.hpp"
#include "collector/forward/otlp.hpp"
#include "collector/forward/pagerduty.hpp"
#include "collector/forward/slack.hpp"
#include "collector/forward/splunk.hpp"
#include "collector/forward/syslog.hpp"
#include "collector/forward/teams.hpp"
#include "collector/forward/webhook.hpp"
#include "include/config/strict_yaml.hpp"

namespace plumbline::collector {

using Destination =
    std::variant<std::monostate, WebhookOptions, SlackOptions, NdjsonOptions, SyslogOptions, ElasticsearchOptions,
                 SplunkOptions, OtlpOptions, AlertmanagerOptions, PagerdutyOptions, TeamsOptions, KafkaOptions>;

struct SinkConfig {
  std::string name;
  bool include_matches = false;
  std::string start;             ///< "beginning" or "now"
  std::uint32_t rate_limit = 0;  ///< records a second; 0 = none
  std::string kind;              ///< the key that its destination has: "webhook", …
  Destination destination;       ///< never monostate once read
};

/// Reads and checks one sink, and appends it. `names`: of the sinks so far.
void read_sink_config(config::Map& map, std::vector<SinkConfig>& sinks, std::set<std::string>& names);

}  // namespace plumbline::collector
