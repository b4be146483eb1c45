#include "agent/config/rules_file.hpp"

#include "include/config/strict_yaml.hpp"
#include "include/wire/text.hpp"

namespace plumbline::agent {
namespace {

using config::Map;

template <std::size_t N, class E>
std::vector<std::string> words(const wire::detail::Names<E, N>& names) {
  std::vector<std::string> all;
  for (const auto& [value, name] : names) all.emplace_back(name);
  return all;
}

void digests(const Map& map, const std::string& key, const std::vector<std::string>& list) {
  for (const auto& digest : list)
    if (digest.size() != 64 || digest.find_first_not_of("0123456789abcdef") != std::string::npos)
      map.refuse(key, "must hold SHA-256 digests of 64 lower-case hex digits", "sha256sum FILE prints one");
}

void read_when(Map& map, RuleConditions& when) {
  read_one_or_more(map, "resource", when.resource, "addresses; * stands for anything");
  read_one_or_more(map, "path", when.path, "paths; * within a segment, ** across");
  read_one_or_more(map, "exe", when.exe, "executables of the process itself");
  read_one_or_more(map, "exe_sha256", when.exe_sha256, "digests of the executable");
  read_one_or_more(map, "lineage_exe", when.lineage_exe, "executables of the process or of any ancestor");
  read_one_or_more(map, "lineage_exe_sha256", when.lineage_exe_sha256,
                   "digests of the process's or any ancestor's executable");
  map.read("uid", when.uid, "user ids of the process");
  read_one_or_more(map, "container_image_digest", when.container_image_digest, "digests of the container's image");
  std::string comparison;
  map.read_word("comparison", comparison, {"", "match", "mismatch", "not_comparable"}, "what the comparison said");
  if (!comparison.empty()) when.comparison = wire::comparison_of(comparison);
  if (map.describing()) return;
  digests(map, "exe_sha256", when.exe_sha256);
  digests(map, "lineage_exe_sha256", when.lineage_exe_sha256);
}

void read_rule(Map& map, std::vector<Rule>& rules) {
  Rule rule;
  map.read("name", rule.name, "name of the rule, shown in every finding that it judged");
  map.require("name");
  map.object("when", "conditions; all that are given must hold", [&](Map& when) { read_when(when, rule.when); });
  std::string verdict, severity;
  map.require("verdict");
  map.read_word("verdict", verdict, words(wire::detail::verdict_names), "what the change is");
  map.read_word("severity", severity, words(wire::detail::severity_names), "default: by the comparison");
  if (map.describing()) return;
  if (const auto value = wire::verdict_of(verdict)) rule.verdict = *value;
  if (!severity.empty()) rule.severity = wire::severity_of(severity);
  const bool proven = !rule.when.exe_sha256.empty() || !rule.when.lineage_exe_sha256.empty() ||
                      !rule.when.container_image_digest.empty();
  if ((rule.verdict == wire::Verdict::in_band || rule.verdict == wire::Verdict::expected_runtime) && !proven)
    map.refuse("verdict", "cannot be " + verdict + " by names alone: anybody can give a program any name",
               "add exe_sha256, lineage_exe_sha256 or container_image_digest to `when`");
  for (const auto& other : rules)
    if (other.name == rule.name) map.refuse("name", "`" + config::shown(rule.name) + "` is used twice");
  rules.push_back(std::move(rule));
}

void bind(Map& map, Rules& rules) {
  std::string api_version, kind;
  map.require("apiVersion");
  map.read_word("apiVersion", api_version, {"plumbline/v1"}, "version of this format");
  map.require("kind");
  map.read_word("kind", kind, {"Rules"}, "kind of this document");
  map.list("rules", "how changes are judged; first match wins", [&](Map& rule) { read_rule(rule, rules.judging); });
  map.list("rollback", "what is put back; first match wins, and what no rule names is not",
           [&](Map& rule) { read_rollback_rule(rule, rules.rollback); });
}

}  // namespace

Result<Rules> load_rules(const std::string& path) {
  Rules rules;
  if (auto read = config::read_file(path, [&](Map& map) { bind(map, rules); }); !read) return read.error();
  return rules;
}

Result<Rules> parse_rules(const std::string& origin, const std::string& text) {
  Rules rules;
  if (auto read = config::read_text(origin, text, [&](Map& map) { bind(map, rules); }); !read) return read.error();
  return rules;
}

Result<Rules> load_all_rules(const std::vector<std::string>& paths) {
  Rules all;
  for (const auto& path : paths) {
    auto rules = load_rules(path);
    if (!rules) return rules.error();
    for (auto& rule : rules->judging) all.judging.push_back(std::move(rule));
    for (auto& rule : rules->rollback) all.rollback.push_back(std::move(rule));
  }
  return all;
}

}  // namespace plumbline::agent
