#include "collector/config/collector_config.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace plumbline::collector {
namespace {

std::string why(const std::string& text) {
  const auto parsed = parse_collector_config("collector.yaml", text);
  return parsed ? "accepted" : parsed.error().message();
}

TEST(CollectorConfig, every_key_has_a_default) {
  const auto config = parse_collector_config("c.yaml", "{}");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->host, "127.0.0.1");
  EXPECT_EQ(config->port, 9650);
  EXPECT_EQ(config->silence_after, std::chrono::seconds(60));
  EXPECT_TRUE(config->sinks.empty());
}

TEST(CollectorConfig, the_example_of_the_design_is_read) {
  const auto config = parse_collector_config("c.yaml", R"(
listen: "[::1]:9651"
store: {sqlite: /tmp/x.db}
token_file: /etc/plumbline/token
silence_after: 45s
sinks:
- {name: soc, webhook: {url: "https://siem.example/hook", hmac_key_file: /etc/plumbline/key, timeout: 3s}}
- {name: chat, slack: {url_file: /etc/plumbline/slack, digest_interval: 10s}}
- {name: file, include_matches: true, start: now, ndjson: {path: /var/log/findings.ndjson, max_bytes: 1MiB, keep: 3}}
)");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->host, "::1");
  EXPECT_EQ(config->port, 9651);
  EXPECT_EQ(config->sqlite_path, "/tmp/x.db");
  ASSERT_EQ(config->sinks.size(), 3u);
  EXPECT_EQ(std::get<WebhookOptions>(config->sinks[0].destination).timeout, std::chrono::seconds(3));
  EXPECT_EQ(config->sinks[0].start, "beginning");
  EXPECT_EQ(config->sinks[1].start, "now");
  EXPECT_EQ(std::get<NdjsonOptions>(config->sinks[2].destination).max_bytes, 1u << 20);
  EXPECT_TRUE(config->sinks[2].include_matches);
}

TEST(CollectorConfig, every_sink_is_read) {
  const auto config = parse_collector_config("c.yaml", R"(
sinks:
- {name: a, rate_limit: 100, syslog: {address: "siem.example", format: cef, facility: 16, max_message_bytes: 64KiB, resend: 10}}
- {name: b, syslog: {address: "[::1]:443", certificate_file: /c, key_file: /k}}
- {name: c, elasticsearch: {url: "https://es:9200", index: drift, format: ecs, api_key_file: /k}}
- {name: d, splunk: {url: "https://splunk:8088", token_file: /t, acknowledge: false}}
- {name: e, otlp: {url: "https://otel:4318/v1/logs"}}
- {name: f, alertmanager: {url: "http://am:9093", resend: 30s}}
- {name: g, pagerduty: {routing_key_file: /k, min_severity: low, group: node, group_wait: 5s}}
- {name: h, teams: {url_file: /u}}
- {name: i, kafka: {brokers: ["k1:9093", "[::1]:9093"], topic: drift, sasl: {mechanism: PLAIN, user: u, password_file: /p}}}
- {name: j, kafka: {brokers: ["k1:9092"], topic: drift, tls: false, format: plumbline, max_message_bytes: 64KiB, timeout: 5s}}
)");
  ASSERT_TRUE(config) << config.error().message();
  ASSERT_EQ(config->sinks.size(), 10u);
  const auto& a = std::get<SyslogOptions>(config->sinks[0].destination);
  EXPECT_EQ(a.tls.host + " " + a.tls.port, "siem.example 6514");
  EXPECT_EQ(a.format, SyslogFormat::cef);
  EXPECT_EQ(config->sinks[0].rate_limit, 100u);
  const auto& b = std::get<SyslogOptions>(config->sinks[1].destination);
  EXPECT_EQ(b.tls.host + " " + b.tls.port, "::1 443");
  EXPECT_EQ(std::get<ElasticsearchOptions>(config->sinks[2].destination).format, Format::ecs);
  EXPECT_FALSE(std::get<SplunkOptions>(config->sinks[3].destination).acknowledge);
  EXPECT_EQ(config->sinks[4].start, "beginning");
  EXPECT_EQ(config->sinks[5].start, "now");
  EXPECT_EQ(std::get<PagerdutyOptions>(config->sinks[6].destination).min_severity, wire::Severity::low);
  const auto& i = std::get<KafkaOptions>(config->sinks[8].destination);
  EXPECT_TRUE(i.tls);
  EXPECT_EQ(i.brokers, (std::vector<std::string>{"k1:9093", "[::1]:9093"}));
  EXPECT_EQ(i.sasl_mechanism + " " + i.sasl_user + " " + i.sasl_password_file, "PLAIN u /p");
  EXPECT_EQ(config->sinks[8].start, "beginning");
  const auto& j = std::get<KafkaOptions>(config->sinks[9].destination);
  EXPECT_FALSE(j.tls);
  EXPECT_EQ(j.max_message_bytes, 65536u);
  EXPECT_EQ(j.timeout, std::chrono::seconds(5));
  for (const char* bad :
       {"kafka: {topic: a}",
        "kafka: {brokers: ['a:1']}",
        "kafka: {brokers: [], topic: a}",
        "kafka: {brokers: [a], topic: a}",
        "kafka: {brokers: ['a:1'], topic: ''}",
        "kafka: {brokers: ['a:1,b:1'], topic: a}",
        "kafka: {brokers: ['a:1'], topic: a, max_message_bytes: 1KiB}",
        "kafka: {brokers: ['a:1'], topic: a, sasl: {user: u, password_file: /p}}",
        "kafka: {brokers: ['a:1'], topic: a, sasl: {mechanism: GSSAPI, user: u, password_file: /p}}",
        "kafka: {brokers: ['a:1'], topic: a, tls: false, ca_file: /c}",
        "kafka: {brokers: ['a:1'], topic: a, tls: false, sasl: {mechanism: PLAIN, user: u, password_file: /p}}",
        "kafka: {brokers: ['a:1'], topic: a, certificate_file: /c}",
        "syslog: {address: 'a/b'}",
        "syslog: {address: 'a:b'}",
        "syslog: {}",
        "syslog: {address: a, facility: 24}",
        "syslog: {address: a, certificate_file: /c}",
        "syslog: {address: a, max_message_bytes: 100}",
        "elasticsearch: {url: 'https://a', index: ''}",
        "otlp: {url: 'https://a', username: x}",
        "elasticsearch: {url: 'https://a', api_key_file: /a, token_file: /b}",
        "splunk: {url: 'https://a'}",
        "otlp: {url: 'https://a', format: cef}",
        "alertmanager: {url: 'http://a', resend: 1ms}",
        "pagerduty: {routing_key_file: /a, min_severity: none}",
        "pagerduty: {routing_key_file: /a, group: cluster}",
        "webhook: {url: 'http://a', key_file: /a}"})
    EXPECT_NE(why(std::string("sinks: [{name: x, ") + bad + "}]"), "accepted") << bad;
}

TEST(CollectorConfig, no_secret_of_a_sink_travels_in_clear) {
  for (const std::string sink :
       {"elasticsearch: {url: 'URL', username: u, password_file: /s}", "elasticsearch: {url: 'URL', api_key_file: /s}",
        "otlp: {url: 'URL', token_file: /s}", "alertmanager: {url: 'URL', token_file: /s}",
        "splunk: {url: 'URL', token_file: /s}", "pagerduty: {url: 'URL', routing_key_file: /s}"}) {
    const auto with = [&](const char* url) {
      std::string text = "sinks: [{name: x, " + sink + "}]";
      return why(text.replace(text.find("URL"), 3, url));
    };
    EXPECT_NE(with("http://siem.example:9").find("unencrypted to siem.example; write https://"), std::string::npos)
        << with("http://siem.example:9");
    for (const char* url : {"http://127.0.0.1:9", "http://localhost:9", "https://siem.example"})
      EXPECT_EQ(with(url), "accepted") << sink << url;
  }
  EXPECT_EQ(why("sinks: [{name: x, alertmanager: {url: 'http://am:9093'}}]"), "accepted") << "without a secret";
}

TEST(CollectorConfig, opens_nothing_to_others_without_tls_and_a_way_to_know_agents) {
  const std::string open = "listen: 0.0.0.0:9650\ntls: {certificate_file: /c, key_file: /k";
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(has(why(open + "}"), "no agent could show whose node it is of")) << why(open + "}");
  EXPECT_TRUE(has(why(open + ", client_ca_file: /ca}\ntoken_file: /t"), "tells none of them apart"));
  for (const char* way :
       {", client_ca_file: /ca}", "}\nagents: {enrolment: {}}", "}\nagents: {kubernetes: {service_accounts: [a/b]}}"})
    EXPECT_EQ(why(open + way), "accepted") << way;
  for (const char* bad :
       {"agents: {enrolment: {}}", "agents: {kubernetes: {}}", "agents: {kubernetes: {service_accounts: []}}",
        "agents: {kubernetes: {service_accounts: [a]}}", "access: [{name: a, certificates: [x]}]",
        "access: [{name: a, token_file: /t}, {name: a, token_file: /u}]",
        "agents: {enrolment: {certificate_lasts: 1s}}"})
    EXPECT_NE(why(bad), "accepted") << bad;
  const auto policy = [](const std::string& text) { return policy_of(parse_collector_config("c.yaml", text).value()); };
  EXPECT_FALSE(policy("{}").asks_people || policy("{}").asks_agents);
  EXPECT_TRUE(policy("token_file: /t").asks_agents);
  EXPECT_TRUE(policy("access: [{name: a, token_file: /t}]").asks_people);
  EXPECT_TRUE(policy(open + ", client_ca_file: /ca}").asks_people) << "beyond loopback, though nobody may";
}

TEST(CollectorConfig, a_certificate_is_of_files_or_our_own) {
  const std::string own = "tls: {own: {names: [collector.example], config_map: a/b";
  const auto config = parse_collector_config("c.yaml", own + "}}").value();
  ASSERT_TRUE(config.tls && config.own_certificate);
  EXPECT_EQ(config.own_certificate->names, std::vector<std::string>{"collector.example"});
  EXPECT_EQ(why(own + "}}\nlisten: 0.0.0.0:9650\nagents: {enrolment: {}}"), "accepted");
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(has(why(own + "}, key_file: /k}"), "contradicts"));
  EXPECT_TRUE(has(why("tls: {own: {names: [\"a,IP:127.0.0.1\"]}}"), "is no DNS name"));
  EXPECT_TRUE(has(why("tls: {own: {names: [a], config_map: b}}"), "is no NAMESPACE/NAME"));
  for (const char* bad : {"tls: {}", "tls: {certificate_file: /c}", "tls: {own: {}}", "tls: {own: {names: []}}",
                          "tls: {own: {names: [a], folder: b}}"})
    EXPECT_NE(why(bad), "accepted") << bad;
}

TEST(CollectorConfig, mistakes_are_named_with_their_place_and_way_out) {
  EXPECT_NE(why("lisen: 127.0.0.1:1").find("did you mean `listen`"), std::string::npos) << why("lisen: 127.0.0.1:1");
  for (const char* open : {"0.0.0.0:9650", "10.0.0.1:9650", "collector:9650", "'[::]:9650'", "127.example.org:9650"}) {
    const std::string text = why(std::string("listen: ") + open);
    EXPECT_NE(text.find("collector.yaml:1:"), std::string::npos) << text;
    EXPECT_NE(text.find("there is no `tls`"), std::string::npos) << text;
  }
  for (const char* unprintable : {R"(listen: "127.0.0.1:96\u000250")", R"(listen: "a\nb:9650")"}) {
    const std::string text = why(unprintable);
    EXPECT_TRUE(text.find("\\x02") != std::string::npos || text.find("\\x0A") != std::string::npos) << text;
    EXPECT_EQ(text.find_first_of("\n\x02"), std::string::npos) << "a message is one printable line";
  }
  for (const char* bad : {"listen: localhost",
                          "listen: '127.0.0.1:'",
                          "listen: 127.0.0.1:70000",
                          "listen: 127.0.0.1:1x",
                          "silence_after: 10ms",
                          "silence_after: soon",
                          "sinks: [{name: a}]",
                          "sinks: [{name: A, ndjson: {path: /x}}]",
                          "sinks: [{ndjson: {path: /x}}]",
                          "sinks: [{name: a, ndjson: {path: x}}]",
                          "sinks: [{name: a, ndjson: {}}]",
                          "sinks: [{name: a, webhook: {}}]",
                          "sinks: [{name: a, start: later, ndjson: {path: /x}}]",
                          "sinks: [{name: a, ndjson: {path: /x}, webhook: {url: 'http://x/'}}]",
                          "sinks: [{name: a, slack: {url_file: /x, digest_records: 0}}]",
                          "sinks: [{name: a, ndjson: {path: /x}}, {name: a, ndjson: {path: /y}}]",
                          "store: {}x",
                          "store: {postgres: x}",
                          "limits: {max_records: 0}",
                          "log: {level: loud}",
                          "- a",
                          ""})
    EXPECT_NE(why(bad), "accepted") << bad;
}

TEST(CollectorConfig, a_store_is_a_file_or_a_server) {
  const auto config =
      parse_collector_config("c.yaml", "store: {postgres: \"postgresql://u@db/p\", password_file: /etc/pw}");
  ASSERT_TRUE(config) << config.error().message();
  ASSERT_TRUE(config->postgres);
  EXPECT_EQ(config->postgres->uri, "postgresql://u@db/p");
  EXPECT_EQ(config->postgres->password_file, "/etc/pw");
  EXPECT_FALSE(parse_collector_config("c.yaml", "store: {sqlite: /x}")->postgres);
  EXPECT_EQ(why("store: {postgres: \"postgresql://u@db/p\"}\nkeys_dir: /k\nbaselines_dir: /b\n"
                "baselines: [{name: a, manifest: /m}]\ntls: {own: {names: [a]}}\nagents: {enrolment: {}}"),
            "accepted");
  EXPECT_EQ(parse_collector_config("c.yaml", "store: {sqlite: /x, retention: 90d}")->retention,
            std::chrono::hours(90 * 24));
  for (const auto& [text, says] : std::vector<std::pair<std::string, std::string>>{
           {"store: {postgres: db}", "it is no URI"},
           {"store: {postgres: \"postgresql://u@db/p?host\"}", "libpq cannot read it"},
           {"store: {postgres: \"postgresql://u:s3cret@db/p\"}", "a password stands in it"},
           {"store: {postgres: \"postgresql://u@db/p\", sqlite: /x}", "contradicts `sqlite`"},
           {"store: {password_file: /x}", "is for `postgres`"},
           {"store: {postgres: \"postgresql://u@db/p\", password_file: x}", "must be an absolute path"},
           {"store: {postgres: \"postgresql://u@db/p\"}\ntls: {certificate_file: /c, key_file: /k}\n"
            "agents: {enrolment: {}}",
            "name a folder in keys_dir"},
           {"store: {postgres: \"postgresql://u@db/p\"}\nbaselines_dir: /b\nbaselines: [{name: a, manifest: /m}]",
            "name a folder in keys_dir"},
           {"store: {postgres: \"postgresql://u@db/p\"}\nkeys_dir: /k\nbaselines: [{name: a, manifest: /m}]",
            "in baselines_dir"},
           {"keys_dir: /k", "`store.postgres` is not given"},
           {"store: {postgres: \"postgresql://u@db/p\"}\nkeys_dir: k", "must be an absolute path"},
           {"store: {retention: 5m}", "must be at least 1h"}}) {
    EXPECT_NE(why(text).find(says), std::string::npos) << why(text);
    EXPECT_EQ(why(text).find("s3cret"), std::string::npos);
  }
}

TEST(CollectorConfig, baselines_name_their_nodes) {
  const auto config = parse_collector_config("c.yaml", R"(
baselines_dir: /var/lib/baselines
baselines:
- {name: net, terraform_state: "s3://b/k", region: eu-west-1, nodes: ["edge-*", web-1]}
- {name: hosts, ansible: "/srv/*.json", node_by_file: true}
)");
  ASSERT_TRUE(config) << config.error().message();
  ASSERT_EQ(config->baselines.size(), 2U);
  EXPECT_EQ(config->baselines[0].nodes, (std::vector<std::string>{"edge-*", "web-1"}));
  EXPECT_EQ(config->baselines[0].source.path, "s3://b/k");
  EXPECT_TRUE(config->baselines[1].node_by_file);
  for (const auto& [text, says] : std::vector<std::pair<std::string, std::string>>{
           {"baselines_dir: here", "must be an absolute path"},
           {"baselines: [{name: a, manifest: /m, node_by_file: true}]", "is for a pattern of paths"},
           {"baselines: [{name: a, manifest: /*, node_by_file: true, nodes: [b]}]", "contradicts `node_by_file`"},
           {"baselines: [{name: a, manifest: /m, nodes: []}]", "names no node"},
           {"baselines: [{name: a, kubernetes: \"kubernetes:///pods\"}]", "are read by the node"},
           {"baselines: [{name: a, manifest: /m}, {name: a, manifest: /n}]", "`a` is used twice"},
           {"baselines: [{name: a, manifest: /m, node: [b]}]", "did you mean `nodes`"}})
    EXPECT_NE(why(text).find(says), std::string::npos) << why(text);
}

TEST(CollectorConfig, schema_is_json_and_knows_every_key) {
  const auto schema = nlohmann::json::parse(collector_config_schema());
  for (const char* key : {"listen", "store", "token_file", "silence_after", "limits", "log", "sinks"})
    EXPECT_TRUE(schema["properties"].contains(key)) << key;
}

}  // namespace
}  // namespace plumbline::collector
