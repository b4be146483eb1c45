#include "agent/config/agent_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/config/rules_file.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class AgentConfigTest : public ::testing::Test {
 protected:
  std::string refusal(const std::string& text) {
    const auto config = load_agent_config(dir_.write("agent.yaml", text));
    return config ? "(accepted)" : config.error().message();
  }
  std::string rules_refusal(const std::string& rule, const std::string& list = "rules") {
    const auto rules =
        load_rules(dir_.write("rules.yaml", "apiVersion: plumbline/v1\nkind: Rules\n" + list + ":\n- " + rule + "\n"));
    return rules ? "(accepted)" : rules.error().message();
  }
  TempDir dir_;
};

TEST_F(AgentConfigTest, has_a_default_for_every_key) {
  const auto config = load_agent_config(dir_.write("agent.yaml", "{}\n"));
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->api_listen, "127.0.0.1:9640");
  EXPECT_THAT(config->node, Not(IsEmpty()));
  EXPECT_FALSE(config->collector);
}

TEST_F(AgentConfigTest, reads_the_example_of_the_design) {
  const auto config = load_agent_config(dir_.write("agent.yaml", R"(
node: {name: node-1, labels: {env: staging}}
state_dir: /var/lib/plumbline
api: {socket: /run/plumbline/agent.sock,
      listen: 127.0.0.1:9640}
baselines:
- {name: prod-net, terraform_state: /srv/terraform.tfstate}
- {name: ops, manifest: /etc/plumbline/baseline.yaml}
rules: [/etc/plumbline/rules.yaml]
collector: {url: "https://collector:9650"}
)"));
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->node, "node-1");
  EXPECT_EQ(config->labels.at("env"), "staging");
  ASSERT_EQ(config->baselines.size(), 2u);
  EXPECT_EQ(config->baselines[0].kind, "terraform_state");
  EXPECT_EQ(config->collector->url, "https://collector:9650");
}

TEST_F(AgentConfigTest, calls_are_watched_where_a_baseline_has_something_that_they_change) {
  const auto enabled = [&](const std::string& text) {
    const auto config = load_agent_config(dir_.write("agent.yaml", text));
    return config && config->calls.enabled;
  };
  const std::string state = "baselines: [{name: net, terraform_state: /srv/terraform.tfstate}]\n";
  const std::string files = "baselines: [{name: ops, manifest: /etc/plumbline/baseline.yaml}]\n";
  EXPECT_TRUE(enabled(state));
  EXPECT_FALSE(enabled(files));
  EXPECT_FALSE(enabled("{}\n"));
  EXPECT_FALSE(enabled(state + "calls: {enabled: false}\n"));
  EXPECT_TRUE(enabled(files + "calls: {enabled: true}\n"));
  EXPECT_TRUE(enabled(files + "calls: {unowned: [\"aws:ec2:Delete*\"]}\n"));
  EXPECT_TRUE(enabled("collector: {url: \"https://c:1\", baselines: {key_file: /etc/plumbline/node.key}}\n"));
}

TEST_F(AgentConfigTest, refuses_to_ignore_nothing_in_particular) {
  const auto ignore = [this](const std::string& text) { return refusal("calls: {ignore: [{" + text + "}]}"); };
  EXPECT_EQ(ignore("resource: \"tofu:*\", attributes: [tags]"), "(accepted)");
  EXPECT_THAT(ignore("attributes: [tags]"), HasSubstr("resource"));
  EXPECT_THAT(ignore("resource: \"\", attributes: [tags]"), HasSubstr("write \"*\" for all"));
  EXPECT_THAT(ignore("resource: \"*\", attributes: []"), HasSubstr("must name attributes"));
  EXPECT_THAT(ignore("resource: \"*\", attributes: [\"\"]"), HasSubstr("must name attributes"));
}

TEST_F(AgentConfigTest, takes_endpoints_without_tls_and_refuses_others) {
  const auto endpoint = [this](const std::string& url) { return refusal("calls: {plain_http: [\"" + url + "\"]}"); };
  for (const std::string url : {"http://localhost:4566", "http://[::1]:9000/", "http://10.0.0.1"})
    EXPECT_EQ(endpoint(url), "(accepted)") << url;
  for (const std::string url : {"https://localhost:1", "http://localhost:1/bucket", "localhost:4566", "http://:1",
                                "http://localhost:99999", "http://user:hidden@localhost:1"}) {
    EXPECT_THAT(endpoint(url), HasSubstr("write http://HOST:PORT")) << url;
    EXPECT_THAT(endpoint(url), ::testing::AllOf(HasSubstr("agent.yaml:1:"), Not(HasSubstr("hidden")))) << url;
  }
}

TEST_F(AgentConfigTest, takes_ecs_agent_by_scheme_host_and_port_alone) {
  const auto of = [this](const std::string& url) { return refusal("ecs: {task_metadata_url: \"" + url + "\"}"); };
  for (const std::string url : {"http://127.0.0.1:51679", "http://169.254.170.2", "http://[fd00::1]:51679", ""})
    EXPECT_EQ(of(url), "(accepted)") << url;
  for (const std::string url :
       {"http://127.0.0.1:51679/v4", "http://127.0.0.1:51679/", "127.0.0.1:51679", "http://user:hidden@127.0.0.1"})
    EXPECT_THAT(of(url), ::testing::AllOf(HasSubstr("write http://127.0.0.1:51679"), HasSubstr("agent.yaml:1:"),
                                          Not(HasSubstr("hidden"))))
        << url;
}

TEST_F(AgentConfigTest, refuses_with_the_way_out) {
  EXPECT_THAT(refusal("stat_dir: /x"), HasSubstr("did you mean `state_dir`?"));
  EXPECT_THAT(refusal("calls: {exec_gate: 2s}"), HasSubstr("at most 1s"));
  EXPECT_THAT(refusal("calls: {exclude_cgroups: [nginx]}"), HasSubstr("is no path of a cgroup"));
  EXPECT_EQ(refusal("calls: {token_keys: [{from: /etc/keys.json, cluster: true}, {from: kubernetes}]}"), "(accepted)");
  EXPECT_EQ(
      refusal("calls: {token_keys: [{from: \"https://i/keys\", issuer: \"https://i\", token_file: /t, ca_file: /c}]}"),
      "(accepted)");
  EXPECT_THAT(refusal("calls: {token_keys: [{from: /etc/keys.json}]}"), HasSubstr("say whose with `issuer`"));
  EXPECT_THAT(refusal("calls: {token_keys: [{from: \"http://i/keys\"}]}"), HasSubstr("https:// URL"));
  EXPECT_THAT(refusal("calls: {token_keys: [{token_file: /t}]}"), HasSubstr("`from` is missing"));
  EXPECT_THAT(refusal("calls: {token_keys: [{from: /k, ca_file: /c}]}"), HasSubstr("neither token_file nor ca_file"));
  EXPECT_THAT(refusal("calls: {token_keys: [{from: kubernetes, ca_file: c}]}"), HasSubstr("absolute"));
  const std::string shop = "baselines: [{name: shop, kubernetes: /x, cluster: ";
  EXPECT_EQ(refusal(shop + "in-cluster}]"), "(accepted)");
  EXPECT_EQ(refusal(shop + "prod}]\ncalls: {clusters: [{name: prod, servers: [\"https://a:6443\"]}]}"), "(accepted)");
  EXPECT_THAT(refusal(shop + "prod}]"), HasSubstr("do not have `prod`"));
  EXPECT_THAT(refusal(shop + "\"https://a\"}]"), HasSubstr("lower-case"));
  EXPECT_THAT(refusal("baselines: [{name: a, systemd: /x.service, cluster: in-cluster}]"), HasSubstr("calls change"));
  const auto clusters = [this](const std::string& all) { return refusal("calls: {clusters: [" + all + "]}"); };
  EXPECT_THAT(clusters("{name: a}"), HasSubstr("`servers` is missing"));
  EXPECT_THAT(clusters("{name: a, servers: [a]}"), HasSubstr("https://HOST:PORT"));
  EXPECT_THAT(clusters("{name: a, servers: [\"https://a/k8s/b\"]}"), HasSubstr("with a path"));
  EXPECT_THAT(clusters("{name: a, servers: [\"https://x\"]}, {name: b, servers: [\"https://x:443\"]}"),
              HasSubstr("twice, in a and b"));
  EXPECT_EQ(refusal("verdicts: {approval: {required: true}}"), "(accepted)");
  EXPECT_EQ(refusal("verdicts: {approval: {keys: [{from: /k}], audience: a, subjects: [\"repo:a/*\"]}}"), "(accepted)");
  EXPECT_THAT(refusal("verdicts: {approval: {audience: \"\"}}"), HasSubstr("any token of the issuer"));
  EXPECT_THAT(refusal("verdicts: {approval: {subjects: [a]}}"), HasSubstr("without keys"));
  EXPECT_THAT(refusal("verdicts: {approval: {keys: [{from: k}]}}"), HasSubstr("no place that keys may come from"));
  EXPECT_THAT(refusal("api: {listen: 0.0.0.0:9640}"), HasSubstr("loopback"));
  EXPECT_THAT(refusal("api: {listen: \"127.evil.example:9640\"}"), HasSubstr("not a loopback address"));
  EXPECT_THAT(refusal("api: {listen: here}"), HasSubstr("HOST:PORT"));
  EXPECT_THAT(refusal("state_dir: relative"), HasSubstr("absolute"));
  EXPECT_THAT(refusal("baselines: [{name: a}]"), HasSubstr("exactly one source"));
  EXPECT_THAT(refusal("baselines: [{name: A, manifest: /x}]"), HasSubstr("lower-case"));
  EXPECT_THAT(refusal("baselines: [{name: a, manifest: /x}, {name: a, manifest: /y}]"), HasSubstr("used twice"));
  EXPECT_THAT(refusal("collector: {url: collector}"), HasSubstr("http://"));
  EXPECT_THAT(refusal("collector: {url: \"http://collector.example:1\", token_file: /t}"),
              ::testing::AllOf(HasSubstr("unencrypted to collector.example"), HasSubstr("https://")));
  for (const std::string url : {"http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "https://c.example"})
    EXPECT_TRUE(parse_agent_config("agent.yaml", "collector: {url: \"" + url + "\", token_file: /t}")) << url;
  EXPECT_THAT(refusal("collector: {}"), HasSubstr("`url` is missing"));
  EXPECT_THAT(refusal("kernel: {tier: kprobe}"), HasSubstr("auto, ctime, fentry"));
  EXPECT_THAT(refusal("spool: {max_bytes: 1MiB}"), HasSubstr("two segments"));
  EXPECT_THAT(refusal("limits: {max_marks: 1}"), HasSubstr("between"));
}

TEST_F(AgentConfigTest, opens_nothing_to_others_without_tls_and_a_way_to_know_them) {
  const std::string tls = "tls: {certificate_file: /c, key_file: /k}", reader = "access: [{name: r, token_file: /t}]";
  EXPECT_THAT(refusal("api: {listen: 0.0.0.0:9640, " + reader + "}"), HasSubstr("there is no `tls`"));
  EXPECT_THAT(refusal("api: {listen: 0.0.0.0:9640, " + tls + "}"), HasSubstr("there is no `access`"));
  EXPECT_THAT(refusal("api: {listen: 0.0.0.0:9640, " + tls + ", access: []}"), HasSubstr("there is no `access`"));
  EXPECT_EQ(refusal("api: {listen: 0.0.0.0:9640, " + tls + ", " + reader + "}"), "(accepted)");
  EXPECT_THAT(refusal("api: {" + tls + ", access: [{name: a, certificates: [jo]}]}"), HasSubstr("tls.client_ca_file"));
  EXPECT_THAT(refusal("api: {tls: {certificate_file: /c}}"), HasSubstr("`key_file` is missing"));
  for (const char* bad :
       {"{name: a}", "{token_file: /t}", "{name: a, token_file: t}", "{name: a, token_file: /t, certificates: [x]}",
        "{name: a, role: root, token_file: /t}", "{name: a, kubernetes: {}, role: admin}",
        "{name: a, kubernetes: {audience: \"\"}}", "{name: a, certificates: [\"\"]}", "{name: a, jwt: {from: /keys}}",
        "{name: a, jwt: {from: /keys, issuer: i, audience: \"\"}}"})
    EXPECT_NE(refusal(std::string("api: {access: [") + bad + "]}"), "(accepted)") << bad;
  const auto gated = parse_agent_config("agent.yaml", "api: {" + reader + "}");
  ASSERT_TRUE(gated);
  EXPECT_TRUE(api_policy_of(*gated).asks_people) << "what is configured is asked for, on loopback too";
  EXPECT_FALSE(api_policy_of(parse_agent_config("agent.yaml", "{}").value()).asks_people);
}

TEST_F(AgentConfigTest, a_certificate_for_the_collector_is_whole_and_goes_by_tls) {
  const std::string both = "certificate_file: /c, key_file: /k";
  EXPECT_EQ(refusal("collector: {url: \"https://c:1\", " + both + "}"), "(accepted)");
  EXPECT_THAT(refusal("collector: {url: \"http://127.0.0.1:1\", " + both + "}"), HasSubstr("https://"));
  EXPECT_THAT(refusal("collector: {url: \"https://c:1\", key_file: /k}"), HasSubstr("give both"));
  EXPECT_EQ(refusal("collector: {url: \"https://c:1\", enrolment: {token_file: /t}}"), "(accepted)");
  EXPECT_THAT(refusal("collector: {url: \"http://127.0.0.1:1\", enrolment: {token_file: /t}}"), HasSubstr("TLS alone"));
  EXPECT_THAT(refusal("collector: {url: \"https://c:1\", " + both + ", enrolment: {token_file: /t}}"),
              HasSubstr("not needed"));
}

TEST_F(AgentConfigTest, takes_every_name_of_loopback) {
  for (const char* listen : {"localhost:9640", "127.8.9.10:9640", "[::1]:9640"})
    EXPECT_EQ(refusal(std::string("api: {listen: \"") + listen + "\"}"), "(accepted)") << listen;
}

TEST_F(AgentConfigTest, refuses_secrets_in_the_collectors_url_without_showing_them) {
  const auto said = refusal("collector: {url: \"https://ana:hunter2@collector:9650\"}");
  EXPECT_THAT(said, HasSubstr("agent.yaml:1:18"));
  EXPECT_THAT(said, HasSubstr("user or password"));
  EXPECT_THAT(said, HasSubstr("`token_file`"));
  EXPECT_THAT(said, Not(HasSubstr("hunter2")));
  EXPECT_THAT(refusal("collector: {url: \"https://collector:x\"}"), HasSubstr("no port"));
  EXPECT_EQ(refusal("collector: {url: \"https://[::1]:9650/a@b\"}"), "(accepted)");
}

TEST_F(AgentConfigTest, splits_addresses) {
  EXPECT_EQ(split_address("[::1]:80")->first, "::1");
  EXPECT_FALSE(split_address("127.0.0.1"));
  EXPECT_FALSE(split_address("127.0.0.1:99999"));
}

TEST_F(AgentConfigTest, prints_its_schema) {
  EXPECT_THAT(agent_config_schema(), HasSubstr("\"max_marks\""));
}

TEST_F(AgentConfigTest, a_name_alone_is_never_proof) {
  EXPECT_THAT(rules_refusal("{name: r, when: {exe: /usr/bin/tofu}, verdict: in_band}"), HasSubstr("by names alone"));
  EXPECT_THAT(rules_refusal("{name: r, when: {exe_sha256: " + std::string(64, 'a') + "}, verdict: in_band}"),
              "(accepted)");
  EXPECT_THAT(rules_refusal("{name: r, when: {exe_sha256: abc}, verdict: in_band}"), HasSubstr("64 lower-case"));
  EXPECT_THAT(rules_refusal("{name: r, verdict: inband}"), HasSubstr("did you mean `in_band`?"));
  EXPECT_THAT(rules_refusal("{name: r, when: {path: []}, verdict: out_of_band}"), HasSubstr("empty list"));
  EXPECT_THAT(rules_refusal("{verdict: out_of_band}"), HasSubstr("`name` is missing"));
}

TEST_F(AgentConfigTest, refuses_rules_that_would_put_back_more_than_somebody_named) {
  const auto refused = [&](const std::string& rule) { return rules_refusal(rule, "rollback"); };
  EXPECT_EQ(refused("{name: r, when: {path: /etc/app.conf}, mode: auto}"), "(accepted)");
  EXPECT_THAT(refused("{name: r, mode: auto}"), HasSubstr("`when` is missing"));
  EXPECT_THAT(refused("{name: r, when: {attribute: mode}, mode: auto}"), HasSubstr("nothing is put back that nobody"));
  EXPECT_THAT(refused("{name: r, when: {path: /a}}"), HasSubstr("`mode` is missing"));
  EXPECT_THAT(refused("{name: r, when: {path: /a}, mode: autoo}"), HasSubstr("did you mean `auto`?"));
  EXPECT_THAT(refused("{name: r, when: {path: /a}, mode: auto, validate: [nginx, -t, \"{}\"]}"),
              HasSubstr("absolute path"));
  EXPECT_THAT(refused("{name: r, when: {path: /a}, mode: auto, validate: [/usr/sbin/nginx, -t]}"),
              HasSubstr("does not say where the file is"));
  EXPECT_THAT(refusal("rollback: {store_bytes: 1KiB}\n"), HasSubstr("at least one file"));
  EXPECT_THAT(refusal("rollback: {node_count: 0}\n"), HasSubstr("node_count"));
}

}  // namespace
}  // namespace plumbline::agent
