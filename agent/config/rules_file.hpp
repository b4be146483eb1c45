// rules.yaml: how changes are judged, as data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/config/rollback_config.hpp"
#include "include/util/result.hpp"
#include "include/wire/finding.hpp"

namespace plumbline::agent {

/// Every list that is not empty must have a member that fits. Globs: `*` within a path segment, `**` across segments.
struct RuleConditions {
  std::vector<std::string> resource;  ///< globs of addresses ("*" crosses "/", addresses are no paths)
  std::vector<std::string> path;      ///< globs
  std::vector<std::string> exe;       ///< globs, of the process itself
  std::vector<std::string> exe_sha256;
  std::vector<std::string> lineage_exe;  ///< globs, of the process or any ancestor
  std::vector<std::string> lineage_exe_sha256;
  std::vector<std::uint32_t> uid;
  std::vector<std::string> container_image_digest;
  std::optional<wire::ComparisonResult> comparison;
};

struct Rule {
  std::string name;
  RuleConditions when;
  wire::Verdict verdict = wire::Verdict::out_of_band;
  std::optional<wire::Severity> severity;
};

/// What one file, or several, say.
struct Rules {
  std::vector<Rule> judging;
  std::vector<RollbackRule> rollback;
};

/// Reads one file. A rule that says in_band or expected_runtime without a digest in its conditions is refused: a name
/// alone is never proof.
Result<Rules> load_rules(const std::string& path);

/// As load_rules(), of text in memory; `origin` stands for the file in messages.
Result<Rules> parse_rules(const std::string& origin, const std::string& text);

/// Of several files, in their order. Errors are the first's.
Result<Rules> load_all_rules(const std::vector<std::string>& paths);

}  // namespace plumbline::agent
