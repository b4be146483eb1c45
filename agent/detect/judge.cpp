#include "agent/detect/judge.hpp"

#include <algorithm>

#include "include/util/glob.hpp"

namespace plumbline::agent {
namespace {

template <class T, class Fits>
bool any_or_empty(const std::vector<T>& list, Fits fits) {
  return list.empty() || std::any_of(list.begin(), list.end(), fits);
}

bool fits(const RuleConditions& when, const wire::Finding& f) {
  const wire::Process* process = f.actor.process ? &*f.actor.process : nullptr;
  const auto in_lineage = [&](auto test) {
    return (process != nullptr && test(*process)) || std::any_of(f.actor.lineage.begin(), f.actor.lineage.end(), test);
  };
  const std::string image = f.actor.container ? f.actor.container->image_digest : "";
  return any_or_empty(when.resource, [&](const auto& glob) { return text_glob_matches(glob, f.resource); }) &&
         // A path of the node: what is in a container has whatever name its maker likes.
         any_or_empty(when.path,
                      [&](const auto& glob) { return !f.where.container && path_glob_matches(glob, f.where.path); }) &&
         any_or_empty(when.exe,
                      [&](const auto& glob) { return process != nullptr && path_glob_matches(glob, process->exe); }) &&
         any_or_empty(when.exe_sha256,
                      [&](const auto& digest) { return process != nullptr && process->exe_sha256 == digest; }) &&
         any_or_empty(when.lineage_exe,
                      [&](const auto& glob) {
                        return in_lineage([&](const wire::Process& p) { return path_glob_matches(glob, p.exe); });
                      }) &&
         any_or_empty(when.lineage_exe_sha256,
                      [&](const auto& digest) {
                        return in_lineage([&](const wire::Process& p) { return p.exe_sha256 == digest; });
                      }) &&
         any_or_empty(when.uid, [&](std::uint32_t uid) { return process != nullptr && process->uid == uid; }) &&
         any_or_empty(when.container_image_digest,
                      [&](const auto& digest) { return !image.empty() && image == digest; }) &&
         (!when.comparison || *when.comparison == f.comparison);
}

/// Somebody passes himself off as another: of what a rule or a run explains that is not said.
void accuse(wire::Finding& f) {
  if (f.verdict != wire::Verdict::out_of_band || f.rule != "default") return;
  f.verdict = wire::Verdict::impersonation;
  if (f.severity != wire::Severity::critical)
    f.severity = static_cast<wire::Severity>(static_cast<int>(f.severity) + 1);
}

wire::Severity default_severity(const wire::Finding& f, bool sensitive) {
  const bool known_writer = f.verdict == wire::Verdict::pending || f.verdict == wire::Verdict::in_band;
  return known_writer ? wire::Severity::info : severity_of(f.comparison, sensitive);
}

}  // namespace

wire::Severity severity_of(wire::ComparisonResult comparison, bool sensitive) {
  using enum wire::Severity;
  switch (comparison) {
    case wire::ComparisonResult::match:
      return info;
    case wire::ComparisonResult::not_comparable:
      return medium;
    case wire::ComparisonResult::mismatch:
      return sensitive ? critical : high;
  }
  return high;
}

void judge(const std::vector<Rule>& rules, wire::Finding& f, bool sensitive, const std::string& run,
           const ApprovalState& approval) {
  const bool equal = f.comparison == wire::ComparisonResult::match;
  const char* to_come = "a baseline that has moved to this content";
  const auto rule = std::find_if(rules.begin(), rules.end(), [&](const Rule& r) { return fits(r.when, f); });
  if (rule != rules.end()) {
    f.rule = rule->name;
    f.verdict = rule->verdict;
    f.evidence.push_back({"rule", "rule " + rule->name + " fits"});
    if (f.verdict == wire::Verdict::in_band && !equal) {
      f.verdict = wire::Verdict::pending;
      f.missing_evidence.push_back(to_come);
    }
  } else if (!run.empty()) {
    f.rule = "run";
    f.verdict = equal ? wire::Verdict::in_band : wire::Verdict::pending;
    f.evidence.push_back({"run", run});
    f.missing_evidence.push_back("the tool's digest: no rule names it");
    if (!equal) f.missing_evidence.push_back(to_come);
  } else if (approval.required && approval.explains && !approval.says.empty()) {
    f.rule = "approval";
    f.verdict = equal ? wire::Verdict::in_band : wire::Verdict::pending;
    f.missing_evidence.push_back("the tool's digest: no rule names it");
    if (!equal) f.missing_evidence.push_back(to_come);
  } else {
    f.rule = "default";
    f.verdict = equal ? wire::Verdict::converged_by_stranger : wire::Verdict::out_of_band;
    if (f.actor.process) f.evidence.push_back({"lineage", "no known writer in the lineage"});
  }
  // The rule proves the last writer; what another one did before is merged into the same change.
  const bool proven = f.verdict == wire::Verdict::pending || f.verdict == wire::Verdict::in_band ||
                      f.verdict == wire::Verdict::expected_runtime;
  const bool mixed = proven && (f.first_actor.has_value() || f.handovers > 0);
  if (mixed) {
    f.verdict = equal ? wire::Verdict::converged_by_stranger : wire::Verdict::out_of_band;
    f.missing_evidence.push_back(f.first_actor
                                     ? "one writer: another program changed the file just before (first_actor)"
                                     : "one writer: other programs changed it in between (handovers)");
  }
  if (equal) f.evidence.push_back({"baseline", "live equals the baseline"});
  const bool unapproved = approval.required && approval.says.empty() &&
                          (f.verdict == wire::Verdict::pending || f.verdict == wire::Verdict::in_band);
  if (unapproved) f.verdict = wire::Verdict::unapproved_run;
  if (approval.says.empty())
    f.missing_evidence.push_back("approved run");
  else
    f.evidence.push_back({"approval", approval.says});
  if (unapproved)
    f.severity = wire::Severity::medium;
  else
    f.severity = rule != rules.end() && rule->severity && !mixed ? *rule->severity : default_severity(f, sensitive);
}

void judge_token(const cloud::TokenProof& token, bool exchanged, wire::Finding& f) {
  if (!token.is_signed) return;
  const std::string what = exchanged ? "the token that its key was handed out for" : "the token";
  if (token.pod_uid.empty()) return f.evidence.push_back({"token", what + " is signed by its issuer"});
  const std::string bound = what + " is signed by its issuer, for pod " + token.pod;
  const auto& container = f.actor.container;
  if (container && container->pod_uid == token.pod_uid)
    return f.evidence.push_back({"token", bound + ", in which the caller is"});
  // Without kubelet's cgroups nobody can say in which pod a container is.
  if (container ? container->pod_uid.empty() : !f.actor.resolved) {
    f.evidence.push_back({"token", bound});
    f.missing_evidence.emplace_back("the caller's pod: its cgroup does not name it");
    return;
  }
  f.evidence.push_back(
      {"token", bound + "; the caller is " + (container ? "in pod " + container->pod_uid : "a process of the host")});
  // Pods' tokens are exchanged on their behalf by drivers of volumes (CSI's TokenRequests), and network plugins (CNI)
  // leave theirs to programs of the host.
  if (!exchanged && container) accuse(f);
}

void judge_tool(std::string_view tool, bool is_forged, wire::Finding& f) {
  if (tool.empty() || f.rule != "default") return;
  const std::string claims = "its client says to be " + std::string(tool);
  if (!is_forged) return f.evidence.push_back({"user_agent", claims + "; no run of the baseline is known"});
  f.evidence.push_back({"user_agent", claims + ", which is written in Go, and what encrypted the call is not"});
  accuse(f);
}

}  // namespace plumbline::agent
