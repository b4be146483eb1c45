// What is put back by itself, and within which bounds, as plain data. Rules stand in rules.yaml beside those that
// judge.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace plumbline::config {
class Map;
}

namespace plumbline::agent {

/// How far a rule lets the agent go; each does what the one before it does, and more.
enum class RollbackMode { off, observe, propose, approve, automatic };

/// Whether files are put back by such a rule, at once or when a person says so.
constexpr bool may_act(RollbackMode mode) {
  return mode == RollbackMode::approve || mode == RollbackMode::automatic;
}

/// "off", "observe", "propose", "approve", "auto".
const char* text_of(RollbackMode mode);

/// Lists that are not empty must have a member that fits; first match wins, and where none fits it is off.
struct RollbackRule {
  std::string name;
  std::vector<std::string> resource;          ///< globs of addresses ("*" crosses "/")
  std::vector<std::string> path;              ///< globs: `*` within a path segment, `**` across
  std::vector<std::string> type;              ///< globs of the source's own types ("local_file")
  std::vector<std::string> attribute;         ///< globs: each attribute that differs must fit one
  std::map<std::string, std::string> labels;  ///< of the node, all of them
  RollbackMode mode = RollbackMode::off;
  std::vector<std::string> validate;  ///< command that says whether a file is good; "{}" stands for its path
};

/// The node's own bounds.
struct RollbackConfig {
  bool enabled = true;  ///< false: nothing is put back on this node, whatever rules and people say
  std::uint64_t max_file_bytes = 1 << 20;
  std::uint64_t store_bytes = 64ull << 20;
  std::chrono::milliseconds keep_overwritten = std::chrono::hours(30 * 24);
  std::chrono::milliseconds validate_timeout = std::chrono::seconds(10);
  std::uint32_t file_count = 1, node_count = 5, loop_count = 3;
  std::chrono::milliseconds file_window = std::chrono::minutes(10);
  std::chrono::milliseconds node_window = std::chrono::minutes(1);
  std::chrono::milliseconds loop_window = std::chrono::minutes(30);
};

/// One entry of `rollback` in a file of rules.
void read_rollback_rule(config::Map& map, std::vector<RollbackRule>& rules);
/// `rollback` of agent.yaml.
void read_rollback(config::Map& map, RollbackConfig& config);

/// One text or a list of them.
void read_one_or_more(config::Map& map, const std::string& key, std::vector<std::string>& out, const char* says);

}  // namespace plumbline::agent
