// Whether a drift is put back, and why not. Decision only; the caller acts on it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/config/rollback_config.hpp"
#include "agent/rollback/guards.hpp"
#include "include/wire/finding.hpp"

namespace plumbline::agent {

/// What is known of a drift beyond itself.
struct RollbackFacts {
  std::string file;                           ///< as Guards call it
  std::string found;                          ///< tells what stands there now from other contents
  std::string type;                           ///< the source's own, of the resource; "" = not known
  std::string source_kind;                    ///< of its baseline: "terraform_state"
  std::map<std::string, std::string> labels;  ///< of the node
  bool in_container = false;                  ///< it is in a container's own root, where nothing is put back
  std::string waits_for;  ///< why nobody should write just now: a lock, an old baseline, an open gap; "" = nothing
};

struct RollbackDecision {
  const RollbackRule* rule = nullptr;  ///< that names it; nullptr: none does
  std::optional<wire::Rollback> says;  ///< what the drift is to say now; nullopt: what it says already
  bool acts = false;                   ///< put it back now
  std::int64_t again_at_ns = 0;        ///< boot ns of when to decide anew; 0 = with its next change
};

/// The first rule that fits; nullptr: none does.
const RollbackRule* rollback_rule_for(const std::vector<RollbackRule>& rules, const wire::Drift& drift,
                                      const RollbackFacts& facts);

/// Who puts such a file back by himself, and how he is asked; "" = nobody does.
std::string owner_of(const std::string& source_kind);

/// `now_ns`: boot ns; `wall`: the same moment.
RollbackDecision decide_rollback(const RollbackConfig& config, const std::vector<RollbackRule>& rules,
                                 const Guards& guards, const wire::Drift& drift, const RollbackFacts& facts,
                                 std::int64_t now_ns, WallNs wall);

}  // namespace plumbline::agent
