// Every configuration, rules file and manifest that this repository ships, or shows whole in its reference, is one that
// the programs take.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "agent/config/agent_config.hpp"
#include "agent/config/rules_file.hpp"
#include "baseline/baseline.hpp"
#include "collector/config/collector_config.hpp"

namespace plumbline::agent {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string repository = REPOSITORY;
const baseline::KeyedHash key(std::array<std::byte, 32>{});

/// A fenced block of a page in docs/reference.
struct Block {
  std::string page;
  std::string language;
  std::string text;
  std::string where;  ///< "agent.md:23"
};

std::vector<Block> blocks_of(const std::filesystem::path& page) {
  std::vector<Block> blocks;
  std::ifstream in(page);
  bool inside = false;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (!line.starts_with("```")) {
      if (inside) blocks.back().text += line + "\n";
      continue;
    }
    inside = !inside;
    const std::string name = page.filename();
    if (inside) blocks.push_back({name, line.substr(3), "", name + ":" + std::to_string(number)});
  }
  EXPECT_FALSE(inside) << page << ": a block has no end";
  return blocks;
}

std::vector<Block> reference_blocks(const std::string& language) {
  std::vector<Block> all;
  for (const auto& page : std::filesystem::directory_iterator(repository + "/docs/reference")) {
    if (page.path().extension() != ".md") continue;
    for (auto& block : blocks_of(page.path()))
      if (block.language == language) all.push_back(std::move(block));
  }
  return all;
}

std::string page_text(const std::string& name) {
  std::ifstream in(repository + "/docs/reference/" + name);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The one block that shows agent.yaml with every default.
Block agent_yaml() {
  for (auto& block : reference_blocks("yaml"))
    if (block.page == "agent.md" && block.text.find("kind:") == std::string::npos) return block;
  ADD_FAILURE() << "docs/reference/agent.md shows no agent.yaml";
  return {};
}

/// What a page shows behind '#' for its reader to take over.
std::string with_comments_taken_over(const std::string& text) {
  std::istringstream in(text);
  std::string out;
  for (std::string line; std::getline(in, line);) out += (line.starts_with("# ") ? line.substr(2) : line) + "\n";
  return out;
}

/// Names of all keys in a JSON Schema, at any depth.
void add_keys(const nlohmann::json& schema, std::set<std::string>& names) {
  if (schema.contains("properties"))
    for (const auto& [name, property] : schema["properties"].items()) {
      names.insert(name);
      add_keys(property, names);
    }
  if (schema.contains("items")) add_keys(schema["items"], names);
}

TEST(ShippedFiles, agent_configs_are_taken) {
  for (const char* file : {"examples/quickstart/agent.yaml", "daemonset/config/agent.yaml"}) {
    const auto config = load_agent_config(repository + "/" + file);
    ASSERT_TRUE(config) << config.error().message();
    EXPECT_FALSE(config->baselines.empty()) << file;
  }
}

TEST(ShippedFiles, rules_are_taken) {
  const auto rules = load_rules(repository + "/examples/quickstart/rules.yaml");
  ASSERT_TRUE(rules) << rules.error().message();
  EXPECT_FALSE(rules->empty());
}

TEST(ShippedFiles, manifests_are_taken) {
  for (const char* file : {"examples/quickstart/manifest.yaml", "daemonset/config/baseline.yaml"}) {
    const auto manifest = baseline::load({"shipped", "manifest", repository + "/" + file}, key);
    ASSERT_TRUE(manifest) << manifest.error().message();
    EXPECT_TRUE(manifest->skipped.empty()) << file;
  }
}

TEST(ReferenceExamples, every_yaml_block_is_taken_as_what_it_is) {
  std::set<std::string> kinds;
  for (const auto& block : reference_blocks("yaml")) {
    std::string refused;
    if (block.text.find("\nkind: Rules\n") != std::string::npos) {
      kinds.insert("rules");
      const auto rules = parse_rules(block.where, block.text);
      refused = !rules ? rules.error().message() : rules->empty() ? "it has no rule" : "";
    } else if (block.text.find("\nkind: Manifest\n") != std::string::npos) {
      kinds.insert("manifest");
      const auto manifest = baseline::parse({"reference", "manifest", block.where}, block.text, key);
      refused = !manifest ? manifest.error().message() : manifest->files.empty() ? "it has no file" : "";
    } else if (block.text.find("apiVersion: rbac.authorization.k8s.io/v1\n") != std::string::npos) {
      const auto objects = baseline::parse({"reference", "kubernetes", block.where}, block.text, key);
      refused = !objects ? objects.error().message() : objects->resources.empty() ? "it has no object" : "";
    } else if (block.text.starts_with("# collector.yaml\n")) {
      kinds.insert("collector");
      const auto config = collector::parse_collector_config(block.where, block.text);
      if (!config) refused = config.error().message();
    } else if (block.page == "agent.md" || block.page == "baselines.md" || block.text.starts_with("# agent.yaml\n")) {
      kinds.insert("agent");
      const auto config = parse_agent_config(block.where, block.text);
      if (!config) refused = config.error().message();
    } else {
      refused = "this test does not know what it is an example of";
    }
    EXPECT_THAT(refused, IsEmpty()) << block.where;
  }
  EXPECT_THAT(kinds, AllOf(Contains("rules"), Contains("manifest"), Contains("agent"), Contains("collector")));
}

TEST(ReferenceExamples, every_json_block_is_json) {
  const auto blocks = reference_blocks("json");
  EXPECT_FALSE(blocks.empty());
  for (const auto& block : blocks)
    EXPECT_TRUE(nlohmann::json::accept(block.text)) << block.where << ":\n" << block.text;
}

TEST(ReferenceExamples, agent_yaml_shows_every_key_with_its_default) {
  const Block block = agent_yaml();
  const auto shown = parse_agent_config(block.where, with_comments_taken_over(block.text));
  ASSERT_TRUE(shown) << shown.error().message();
  const AgentConfig is;
  EXPECT_EQ(shown->labels, is.labels);
  EXPECT_EQ(shown->state_dir, is.state_dir);
  EXPECT_EQ(shown->api_socket, is.api_socket);
  EXPECT_EQ(shown->api_listen, is.api_listen);
  EXPECT_TRUE(shown->baselines.empty());
  EXPECT_EQ(shown->rules, is.rules);
  EXPECT_EQ(shown->spool_max_bytes, is.spool_max_bytes);
  EXPECT_EQ(shown->spool_segment_bytes, is.spool_segment_bytes);
  EXPECT_EQ(shown->tier, is.tier);
  EXPECT_EQ(shown->pin_dir, is.pin_dir);
  EXPECT_EQ(shown->pin, is.pin);
  EXPECT_EQ(shown->max_marks, is.max_marks);
  EXPECT_EQ(shown->max_file_bytes, is.max_file_bytes);
  EXPECT_EQ(shown->recent_findings, is.recent_findings);
  EXPECT_EQ(shown->processes, is.processes);
  EXPECT_EQ(shown->images, is.images);
  EXPECT_EQ(shown->rescan_interval, is.rescan_interval);
  EXPECT_EQ(shown->log_level, is.log_level);

  const CollectorConfig collector;
  ASSERT_TRUE(shown->collector);
  EXPECT_EQ(shown->collector->token_file, collector.token_file);
  EXPECT_EQ(shown->collector->ca_file, collector.ca_file);
  EXPECT_EQ(shown->collector->batch_records, collector.batch_records);
  EXPECT_EQ(shown->collector->batch_bytes, collector.batch_bytes);
  EXPECT_EQ(shown->collector->interval, collector.interval);
  EXPECT_EQ(shown->collector->timeout, collector.timeout);
  EXPECT_EQ(shown->collector->heartbeat, collector.heartbeat);
  ASSERT_TRUE(shown->collector->baselines);
  EXPECT_EQ(shown->collector->baselines->interval, HandoutConfig{}.interval);

  std::set<std::string> names;
  add_keys(nlohmann::json::parse(agent_config_schema()), names);
  ASSERT_FALSE(names.empty());
  const std::string baselines = page_text("baselines.md");  // what a baseline can be has a page of its own
  for (const auto& name : names)
    if (baselines.find("`" + name + "`") == std::string::npos) {
      EXPECT_THAT(block.text, HasSubstr(name + ":")) << block.where;
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
