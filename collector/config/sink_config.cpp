#include "collector/config/sink_config.hpp"

#include <algorithm>

#include "collector/config/sink_keys.hpp"
#include "http/url.hpp"
#include "include/wire/text.hpp"

namespace plumbline::collector {
namespace {

using config::Bytes;
using config::Map;

void read_webhook(Map& sink, WebhookOptions& options) {
  sink.require("url");
  sink.read("url", options.url, "http:// or https:// URL that takes the events");
  sink.read("hmac_key_file", options.hmac_key_file, "file with the key of Plumbline-Signature; without it: unsigned");
  read_format(sink, options.format, "of the event's `data`");
  read_http(sink, options);
}

void read_slack(Map& sink, SlackOptions& options) {
  sink.require("url_file");
  sink.read("url_file", options.url_file, "file with the incoming webhook's URL, which is a secret");
  read_digest(sink, options);
  read_http(sink, options);
}

void read_ndjson(Map& sink, NdjsonOptions& options) {
  sink.require("path");
  sink.read("path", options.path, "absolute path of the file; its directory is made where it is missing");
  Bytes bytes{options.max_bytes};
  sink.read("max_bytes", bytes, "size at which the file is set aside and a new one begun", {.least = 1024});
  sink.read("keep", options.keep, "files set aside that are kept, 0 = all");
  read_format(sink, options.format, "of a line, behind its `ledger_seq`");
  if (sink.describing()) return;
  if (options.path.empty() || options.path[0] != '/') sink.refuse("path", "it is not absolute", "");
  options.max_bytes = bytes.value;
}

/// What is in the file of `key` goes nowhere where others read along. What is no URL is refused when the sink is built.
void refuse_in_clear(Map& sink, const char* key, const std::string& url) {
  const auto where = http::parse_url("", url);
  if (where && !http::is_private(*where))
    sink.refuse(key, "its secret would travel unencrypted to " + where->host, "write https:// in `url`");
}

/// Of Elasticsearch, OTLP and Alertmanager: at most one kind of Authorization. `url`: where it is shown.
void read_auth(Map& sink, HttpAuth& auth, const std::string& url, bool api_keys) {
  sink.read("username", auth.username, "name for Basic authentication, with password_file");
  sink.read("password_file", auth.password_file, "file with the password for Basic authentication");
  sink.read("token_file", auth.token_file, "file with a bearer token");
  if (api_keys) sink.read("api_key_file", auth.api_key_file, "file with an API key, as Elasticsearch encodes it");
  if (sink.describing()) return;
  if (auth.username.empty() != auth.password_file.empty())
    sink.refuse(auth.username.empty() ? "password_file" : "username",
                "a user needs a password, and a password its user", "give both username and password_file");
  if (!auth.password_file.empty() + !auth.token_file.empty() + !auth.api_key_file.empty() > 1)
    sink.refuse("", "it has more than one kind of authentication", "keep one of them");
  for (const auto& [key, path] : {std::pair<const char*, const std::string&>{"password_file", auth.password_file},
                                  {"token_file", auth.token_file},
                                  {"api_key_file", auth.api_key_file}})
    if (!path.empty()) refuse_in_clear(sink, key, url);
}

void read_syslog(Map& sink, SyslogOptions& options) {
  std::string address;
  sink.require("address");
  sink.read("address", address,
            "host, or host:port, of a receiver of RFC 5425 (syslog over TLS); port 6514 by default");
  std::string format = "json";
  sink.read_word("format", format, {"json", "cef", "leef"}, "of the message; json is OCSF");
  options.format = format == "cef" ? SyslogFormat::cef : format == "leef" ? SyslogFormat::leef : SyslogFormat::json;
  sink.read("facility", options.facility, "number of RFC 5424", {.most = 23});
  Bytes bytes{options.max_message_bytes};
  sink.read("max_message_bytes", bytes, "what the receiver takes at most (2KiB all do); longer messages are shortened",
            {.least = 2048});
  std::uint32_t resend = static_cast<std::uint32_t>(options.resend);
  sink.read("resend", resend, "messages of the last minute that are sent again after a broken connection");
  read_http(sink, options.tls);
  options.max_message_bytes = bytes.value;
  options.resend = resend;
  if (sink.describing()) return;
  const auto where = http::parse_url("read the receiver's address", "https://" + address);
  if (!where || where->target != "/" || address.find('/') != std::string::npos)
    sink.refuse("address", "it is no host, or host:port", "write siem.example.org:6514");
  options.tls.host = where->host;
  options.tls.port = where->port;
  // What parse_url() takes for a missing port is HTTPS'.
  if (!address.ends_with(":" + where->port)) options.tls.port = "6514";
}

void read_elasticsearch(Map& sink, ElasticsearchOptions& options) {
  sink.require("url");
  sink.read("url", options.http.url, "URL of the cluster; _bulk is added");
  sink.read("index", options.index, "index, alias or data stream to create documents in");
  read_format(sink, options.format, "of a document; @timestamp is added");
  read_auth(sink, options.auth, options.http.url, true);
  read_http(sink, options.http);
  if (!sink.describing() && options.index.empty()) sink.refuse("index", "it is empty", "");
}

void read_splunk(Map& sink, SplunkOptions& options) {
  sink.require("url");
  sink.require("token_file");
  sink.read("url", options.http.url, "URL of the HTTP Event Collector: https://splunk:8088");
  sink.read("token_file", options.token_file, "file with the HEC token");
  sink.read("index", options.index, "index to write to; default: the token's own");
  sink.read("source", options.source, "`source` of the events");
  sink.read("sourcetype", options.sourcetype, "`sourcetype` of the events; default: plumbline:ocsf, by `format`");
  sink.read("acknowledge", options.acknowledge, "wait for the indexer's acknowledgement; false is a weaker guarantee");
  sink.read("ack_timeout", options.ack_timeout, "what is not acknowledged in so long is sent again");
  sink.read("ack_interval", options.ack_interval, "between two questions for acknowledgements",
            {.least = std::chrono::milliseconds(10)});
  read_format(sink, options.format, "of the event");
  read_http(sink, options.http);
  if (!sink.describing()) refuse_in_clear(sink, "token_file", options.http.url);
}

void read_otlp(Map& sink, OtlpOptions& options) {
  sink.require("url");
  sink.read("url", options.http.url, "whole URL of the receiver: https://otel:4318/v1/logs");
  read_format(sink, options.format, "of a log record's body");
  read_auth(sink, options.auth, options.http.url, false);
  read_http(sink, options.http);
}

void read_alertmanager(Map& sink, AlertmanagerOptions& options) {
  sink.require("url");
  sink.read("url", options.http.url, "URL of Alertmanager; api/v2/alerts is added");
  sink.read("resend", options.resend,
            "how often open alerts are told again; they end by themselves after four times that",
            {.least = std::chrono::seconds(1)});
  read_auth(sink, options.auth, options.http.url, false);
  read_http(sink, options.http);
}

void read_pagerduty(Map& sink, PagerdutyOptions& options) {
  sink.require("routing_key_file");
  sink.read("url", options.http.url, "of the Events API v2");
  sink.read("routing_key_file", options.routing_key_file, "file with the integration's routing key");
  std::string severity(wire::text_of(options.min_severity));
  sink.read_word("min_severity", severity, {"info", "low", "medium", "high", "critical"},
                 "what is below it pages nobody");
  options.min_severity = wire::severity_of(severity).value_or(options.min_severity);
  std::string group = "fleet";
  sink.read_word("group", group, {"fleet", "node"}, "one incident for a drift on all nodes, or one a node");
  options.by_fleet = group == "fleet";
  sink.read("group_wait", options.group_wait, "how long a record waits for those of other nodes, with group: fleet");
  read_http(sink, options.http);
  if (!sink.describing()) refuse_in_clear(sink, "routing_key_file", options.http.url);
}

void read_teams(Map& sink, TeamsOptions& options) {
  sink.require("url_file");
  sink.read("url_file", options.url_file, "file with the workflow's URL, which is a secret");
  read_digest(sink, options);
  read_http(sink, options);
}

/// "host:port", as librdkafka takes it.
bool is_broker(const std::string& text) {
  const auto where = http::parse_url("read a broker's address", "https://" + text);
  return where && where->target == "/" && text.ends_with(":" + where->port);
}

void read_sasl(Map& sasl, KafkaOptions& options) {
  sasl.require("mechanism");
  sasl.require("user");
  sasl.require("password_file");
  options.sasl_mechanism = "SCRAM-SHA-512";
  sasl.read_word("mechanism", options.sasl_mechanism, {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}, "of the listener");
  sasl.read("user", options.sasl_user, "name of the user");
  sasl.read("password_file", options.sasl_password_file, "file with the user's password");
}

void read_kafka(Map& sink, KafkaOptions& options) {
  sink.require("brokers");
  sink.require("topic");
  sink.read("brokers", options.brokers, "host:port of some brokers; the others are learnt from them");
  sink.read("topic", options.topic, "topic to write to; it has to be there");
  read_format(sink, options.format, "of a message's value");
  sink.read("tls", options.tls, "false: the listener has no TLS, and everybody on the way reads along");
  sink.optional_object("sasl", "authentication by name and password", [&](Map& sasl) { read_sasl(sasl, options); });
  Bytes bytes{options.max_message_bytes};
  sink.read("max_message_bytes", bytes, "what the topic takes at most (its max.message.bytes); longer is a dead letter",
            {.least = 2048, .most = 100'000'000});
  options.max_message_bytes = bytes.value;
  read_http(sink, options);
  if (sink.describing()) return;
  if (options.brokers.empty()) sink.refuse("brokers", "it names none", "write [\"kafka-1.example.org:9093\"]");
  for (const auto& broker : options.brokers)
    if (!is_broker(broker))
      sink.refuse("brokers", "`" + broker + "` is no host:port", "write kafka-1.example.org:9093");
  if (options.topic.empty()) sink.refuse("topic", "it is empty", "");
  if (options.tls) return;
  if (!options.ca_file.empty() || !options.certificate_file.empty())
    sink.refuse(options.ca_file.empty() ? "certificate_file" : "ca_file", "it is for TLS, which `tls: false` turns off",
                "leave one of them out");
  if (options.sasl_mechanism == "PLAIN")
    sink.refuse("sasl", "PLAIN without TLS shows the password to everybody on the way", "use TLS, or SCRAM-SHA-512");
}

/// Reads `key` where it is there; counts it, so that a sink with two destinations is refused.
template <class Options>
void read_destination(Map& map, SinkConfig& out, std::vector<std::string>& kinds, std::vector<std::string>& found,
                      const char* key, const char* says, void (*bind)(Map&, Options&)) {
  Options options;
  kinds.emplace_back(key);
  if (!map.optional_object(key, says, [&](Map& sink) { bind(sink, options); })) return;
  found.emplace_back(key);
  out.kind = key;
  out.destination = std::move(options);
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace

void read_sink_config(Map& map, std::vector<SinkConfig>& sinks, std::set<std::string>& names) {
  SinkConfig sink;
  std::vector<std::string> kinds, found;
  map.require("name");
  map.read("name", sink.name, "unique; the sink's place in the ledger goes by it");
  map.read("include_matches", sink.include_matches, "also findings that match their baseline and touch no drift");
  map.read("rate_limit", sink.rate_limit, "records a second at most, with one second's worth at once; 0 = no limit");
  const auto add = [&](const char* key, const char* says, auto bind) {
    read_destination(map, sink, kinds, found, key, says, bind);
  };
  add("webhook", "CloudEvents 1.0 by POST, one a request", read_webhook);
  add("slack", "digests to a Slack incoming webhook", read_slack);
  add("ndjson", "a file, one record a line", read_ndjson);
  add("syslog", "RFC 5424 over TLS, one message a record", read_syslog);
  add("elasticsearch", "_bulk of Elasticsearch or OpenSearch", read_elasticsearch);
  add("splunk", "Splunk's HTTP Event Collector", read_splunk);
  add("otlp", "logs by OTLP/HTTP in JSON", read_otlp);
  add("alertmanager", "alerts of what is open", read_alertmanager);
  add("pagerduty", "incidents by PagerDuty's Events API v2", read_pagerduty);
  add("teams", "digests to a Microsoft Teams workflow", read_teams);
  add("kafka", "a topic of Kafka, one message a record", read_kafka);
  sink.start = is_for_people(sink.kind) ? "now" : "beginning";
  map.read_word("start", sink.start, {"beginning", "now"},
                "where a sink that is new to the store begins; default: now for what people read, else beginning");
  if (map.describing()) return;
  const auto fine = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  if (sink.name.empty() || !std::all_of(sink.name.begin(), sink.name.end(), fine))
    map.refuse("name", "a sink's name has lower-case letters, digits, '.', '_' and '-' only", "");
  if (!names.insert(sink.name).second)
    map.refuse("name", "another sink is called `" + sink.name + "` too", "rename one");
  if (found.size() != 1)
    map.refuse("", found.empty() ? "the sink has no destination" : "the sink has more than one destination",
               "give it exactly one of " + joined(kinds));
  sinks.push_back(std::move(sink));
}

}  // namespace plumbline::collector
