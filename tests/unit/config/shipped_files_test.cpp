// Every agent.yaml and rules.yaml that this repository ships is one that the agent takes.
#include <gmock/gmock.h>

#include "agent/config/agent_config.hpp"
#include "agent/config/rules_file.hpp"

namespace plumbline::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ShippedFiles, agent_configs_are_taken) {
  for (const char* file : {"examples/quickstart/agent.yaml", "daemonset/config/agent.yaml"}) {
    const auto config = load_agent_config(std::string(REPOSITORY "/") + file);
    ASSERT_TRUE(config) << config.error().message();
    EXPECT_FALSE(config->baselines.empty()) << file;
  }
}

TEST(ShippedFiles, rules_are_taken) {
  const auto rules = load_rules(REPOSITORY "/examples/quickstart/rules.yaml");
  ASSERT_TRUE(rules) << rules.error().message();
  EXPECT_FALSE(rules->empty());
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
