#include "agent/rollback/decide.hpp"

#include <algorithm>

#include "include/util/glob.hpp"
#include "include/wire/text.hpp"

namespace plumbline::agent {
namespace {

using State = wire::RollbackState;

constexpr std::int64_t look_again = 30'000'000'000;  // ns, while something is to pass that nobody tells of

template <class Fits>
bool any_or_empty(const std::vector<std::string>& globs, const Fits& fits) {
  return globs.empty() || std::any_of(globs.begin(), globs.end(), fits);
}

bool fits(const RollbackRule& rule, const wire::Drift& drift, const RollbackFacts& facts) {
  const auto attribute_fits = [&](const wire::AttributeDiff& diff) {
    return any_or_empty(rule.attribute, [&](const auto& glob) { return text_glob_matches(glob, diff.attribute); });
  };
  const auto label_fits = [&](const auto& label) {
    const auto known = facts.labels.find(label.first);
    return known != facts.labels.end() && known->second == label.second;
  };
  return any_or_empty(rule.resource, [&](const auto& glob) { return text_glob_matches(glob, drift.resource); }) &&
         any_or_empty(rule.path, [&](const auto& glob) { return path_glob_matches(glob, drift.where.path); }) &&
         any_or_empty(rule.type, [&](const auto& glob) { return text_glob_matches(glob, facts.type); }) &&
         std::all_of(drift.diff.begin(), drift.diff.end(), attribute_fits) &&
         std::all_of(rule.labels.begin(), rule.labels.end(), label_fits);
}

bool has_approval(const wire::Drift& drift) {
  return std::any_of(drift.evidence.begin(), drift.evidence.end(),
                     [](const wire::Evidence& e) { return e.kind == "approval"; });
}

/// Nobody went around the IaC, or that is not known yet.
std::string known_writer(const wire::Drift& drift) {
  switch (drift.verdict) {
    case wire::Verdict::pending:
      return "its own tool changed it, and may not be done";
    case wire::Verdict::in_band:
    case wire::Verdict::expected_runtime:
    case wire::Verdict::unapproved_run:
      return "who changed it is known: " + std::string(wire::text_of(drift.verdict));
    default:
      return has_approval(drift) ? "an approved run changed it: a person is to say whether that stays" : "";
  }
}

}  // namespace

const RollbackRule* rollback_rule_for(const std::vector<RollbackRule>& rules, const wire::Drift& drift,
                                      const RollbackFacts& facts) {
  if (facts.in_container) return nullptr;
  const auto rule = std::find_if(rules.begin(), rules.end(), [&](const auto& r) { return fits(r, drift, facts); });
  return rule == rules.end() ? nullptr : &*rule;
}

std::string owner_of(const std::string& source_kind) {
  if (source_kind == "kubernetes" || source_kind == "helm")
    return "kubelet puts what is in a pod's volume right by itself, and Argo CD, Flux or Helm what it comes from";
  if (source_kind.starts_with("puppet")) return "Puppet puts it right with its next run: puppet agent --test";
  return "";
}

RollbackDecision decide_rollback(const RollbackConfig& config, const std::vector<RollbackRule>& rules,
                                 const Guards& guards, const wire::Drift& drift, const RollbackFacts& facts,
                                 std::int64_t now_ns, WallNs wall) {
  RollbackDecision decision;
  decision.rule = rollback_rule_for(rules, drift, facts);
  if (decision.rule == nullptr || decision.rule->mode == RollbackMode::off || !is_live(drift.state)) return decision;
  if (drift.comparison != wire::ComparisonResult::mismatch) return decision;  // nobody knows what would be undone
  const auto say = [&](State state, std::string why, std::int64_t again_at = 0) {
    decision.again_at_ns = again_at;
    const auto& before = drift.rollback;
    if (before && before->state == state && before->why == why && before->rule == decision.rule->name) return decision;
    decision.says = wire::Rollback{state, text_of(decision.rule->mode),   decision.rule->name, "", std::move(why),
                                   wall,  before && before->can_be_undone};
    return decision;
  };
  // Nobody acts any more on what people are to decide, nor on what would be refused again.
  if (drift.state == wire::DriftState::contested) return decision;
  if (drift.rollback && drift.rollback->state == State::rollback_unsafe) return decision;
  if (drift.rollback && drift.rollback->state == State::undone) return decision;

  if (!config.enabled) return say(State::waiting, "rollbacks are switched off on this node (rollback.enabled)");
  if (const auto owner = owner_of(facts.source_kind); !owner.empty()) return say(State::deferred, owner);
  switch (decision.rule->mode) {
    case RollbackMode::observe:
      return say(State::observed, "");
    case RollbackMode::propose:
      return say(State::proposed, "");
    case RollbackMode::approve:
      return say(State::awaiting_approval, "");
    default:
      break;
  }
  if (const auto known = known_writer(drift); !known.empty()) return say(State::waiting, known);
  if (!facts.waits_for.empty()) return say(State::waiting, facts.waits_for, now_ns + look_again);
  const auto ruling = guards.may_put_back(facts.file, facts.found, now_ns);
  if (ruling.kind == Ruling::Kind::contested) return say(State::contested, ruling.why);
  if (ruling.kind == Ruling::Kind::wait) return say(State::waiting, ruling.why, ruling.until_ns);
  decision.acts = true;
  return decision;
}

}  // namespace plumbline::agent
