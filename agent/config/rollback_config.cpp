#include "agent/config/rollback_config.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "include/config/strict_yaml.hpp"

namespace plumbline::agent {
namespace {

using config::Bytes;
using config::Map;

constexpr std::array<std::pair<RollbackMode, const char*>, 5> modes{{{RollbackMode::off, "off"},
                                                                     {RollbackMode::observe, "observe"},
                                                                     {RollbackMode::propose, "propose"},
                                                                     {RollbackMode::approve, "approve"},
                                                                     {RollbackMode::automatic, "auto"}}};

}  // namespace

const char* text_of(RollbackMode mode) {
  for (const auto& [known, text] : modes)
    if (known == mode) return text;
  return "off";
}

void read_one_or_more(Map& map, const std::string& key, std::vector<std::string>& out, const char* says) {
  const auto& node = map.take(key, [&] {
    return nlohmann::ordered_json{
        {"description", says}, {"oneOf", {{{"type", "string"}}, {{"type", "array"}, {"items", {{"type", "string"}}}}}}};
  });
  if (!node.is_defined()) return;
  if (node.is_scalar()) {
    out.push_back(node.text);
  } else if (node.is_sequence()) {
    for (const auto& item : node.items) {
      if (!item.is_scalar()) map.refuse(key, "must be text or a list of texts");
      out.push_back(item.text);
    }
  } else {
    map.refuse(key, "must be text or a list of texts");
  }
  if (out.empty()) map.refuse(key, "is an empty list, which nothing can fit", "remove the key");
}

void read_rollback_rule(Map& map, std::vector<RollbackRule>& rules) {
  RollbackRule rule;
  map.read("name", rule.name, "name of the rule, shown in every drift that it concerns");
  map.require("name");
  map.require("when");
  map.object("when", "which drift; all that are given must hold, and resource, path or type must be", [&](Map& when) {
    read_one_or_more(when, "resource", rule.resource, "addresses; * stands for anything");
    read_one_or_more(when, "path", rule.path, "paths; * within a segment, ** across");
    read_one_or_more(when, "type", rule.type, "types, as the resource's source calls them (\"local_file\")");
    read_one_or_more(when, "attribute", rule.attribute, "each attribute that differs must fit one (\"mode\")");
    when.read("labels", rule.labels, "labels that the node has, all of them");
    if (!when.describing() && rule.resource.empty() && rule.path.empty() && rule.type.empty())
      map.refuse("when", "names no resource: nothing is put back that nobody named",
                 "give resource, path or type; resource: \"*\" is every file of the node");
  });
  std::string mode;
  map.require("mode");
  map.read_word("mode", mode, {"off", "observe", "propose", "approve", "auto"},
                "off: nothing; observe: the drift says that it would be put back; propose: and people are told how; "
                "approve: and it is once a person says so (plumb rollback); auto: at once");
  map.read("validate", rule.validate,
           "command and arguments that say whether the finished file is good, before it is put in place; {} stands for "
           "its path (\"/usr/sbin/nginx\", \"-t\", \"-c\", \"{}\")");
  if (map.describing()) return;
  for (const auto& [known, text] : modes)
    if (mode == text) rule.mode = known;
  if (!rule.validate.empty()) {
    if (!rule.validate.front().starts_with('/'))
      map.refuse("validate", "must begin with an absolute path: no shell looks for it", "write \"/usr/sbin/nginx\"");
    if (std::find(rule.validate.begin(), rule.validate.end(), "{}") == rule.validate.end())
      map.refuse("validate", "does not say where the file is", "give \"{}\" as one of the arguments");
  }
  for (const auto& other : rules)
    if (other.name == rule.name) map.refuse("name", "`" + config::shown(rule.name) + "` is used twice");
  rules.push_back(std::move(rule));
}

void read_rollback(Map& map, RollbackConfig& c) {
  map.read("enabled", c.enabled, "false: nothing is put back on this node, whatever rules and people say");
  Bytes file{c.max_file_bytes}, store{c.store_bytes};
  map.read("max_file_bytes", file, "larger files cannot be put back, and say so",
           {.least = 1, .most = std::uint64_t{64} << 20});
  map.read("store_bytes", store,
           "of the last good content of files, encrypted on this node's disk; the oldest makes room");
  c.max_file_bytes = file.value;
  c.store_bytes = store.value;
  constexpr config::Time positive{.least = std::chrono::seconds(1)};
  constexpr config::Count some{.least = 1};
  map.read("keep_overwritten", c.keep_overwritten, "so long what was overwritten can be brought back", positive);
  map.read("validate_timeout", c.validate_timeout, "for a rule's validate", {.most = std::chrono::minutes(5)});
  map.read("file_count", c.file_count, "so often one file is put back by itself …", some);
  map.read("file_window", c.file_window, "… within this time");
  map.read("node_count", c.node_count, "so many files of the node are …", some);
  map.read("node_window", c.node_window, "… within this time");
  map.read("loop_count", c.loop_count, "so often within loop_window, and the file is contested: a person is to decide",
           some);
  map.read("loop_window", c.loop_window, "in which rollbacks of one file are a fight", positive);
  if (!map.describing() && store.value < file.value)
    map.refuse("store_bytes", "must hold at least one file of max_file_bytes");
}

}  // namespace plumbline::agent
