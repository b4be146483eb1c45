// Every configuration, rules file and manifest that this repository ships is one that the programs take. What pages
// show is looked at by tests/docs.
#include <gmock/gmock.h>

#include "agent/config/agent_config.hpp"
#include "agent/config/rules_file.hpp"
#include "baseline/baseline.hpp"

namespace plumbline::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string repository = REPOSITORY;
const baseline::KeyedHash key(std::array<std::byte, 32>{});

TEST(ShippedFiles, agent_configs_are_taken) {
  for (const char* file :
       {"examples/quickstart/agent.yaml", "daemonset/config/agent.yaml", "daemonset/ecs/config/agent.yaml"}) {
    const auto config = load_agent_config(repository + "/" + file);
    ASSERT_TRUE(config) << config.error().message();
    EXPECT_FALSE(config->baselines.empty()) << file;
  }
}

TEST(ShippedFiles, rules_are_taken) {
  const auto rules = load_rules(repository + "/examples/quickstart/rules.yaml");
  ASSERT_TRUE(rules) << rules.error().message();
  EXPECT_FALSE(rules->judging.empty());
}

TEST(ShippedFiles, manifests_are_taken) {
  for (const char* file :
       {"examples/quickstart/manifest.yaml", "daemonset/config/baseline.yaml", "daemonset/ecs/config/baseline.yaml"}) {
    const auto manifest = baseline::load({"shipped", "manifest", repository + "/" + file}, key);
    ASSERT_TRUE(manifest) << manifest.error().message();
    EXPECT_TRUE(manifest->skipped.empty()) << file;
  }
}

TEST(ShippedFiles, text_in_memory_reads_as_a_file_does) {
  const auto config = parse_agent_config("a.yaml", "node: {name: n}\nrescan: {interval: 5m}\n");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->node, "n");
  EXPECT_EQ(config->rescan_interval, std::chrono::minutes(5));
  const auto wrong = parse_rules("r.yaml", "apiVersion: plumbline/v1\nkind: Manifest\n");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message(), HasSubstr("r.yaml:2:7"));
}

TEST(ShippedFiles, a_hostile_value_does_not_reach_the_terminal_whole) {
  const auto wrong = parse_agent_config("a.yaml", "state_dir: \"x\\e[2Jy\"\n");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message(), Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace plumbline::agent
