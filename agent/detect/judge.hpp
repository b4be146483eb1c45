// The verdict: writer × approval × content (DESIGN section 5). Decision only; the caller acts on it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/config/rules_file.hpp"
#include "agent/correlate/approvals.hpp"
#include "cloud/bearer.hpp"
#include "include/wire/finding.hpp"

namespace plumbline::agent {

/// Fills verdict, rule, severity, evidence and missing evidence from the rules, first match first. A proven writer
/// (in_band by a rule) whose content does not equal the baseline is `pending`: its baseline has not moved yet. Where no
/// rule fits, what a run of the baseline changes (`run` says what makes it one) is `pending`, or `in_band` if the
/// content is right; of anybody else it is `out_of_band`, or `converged_by_stranger`. Where `approval` is required,
/// what a proven tool or a run did without one is an `unapproved_run`, and an approval that explains a change does so
/// where nothing else does.
void judge(const std::vector<Rule>& rules, wire::Finding& finding, bool sensitive, const std::string& run = "",
           const ApprovalState& approval = {});

/// What the bearer token of a call says against what the kernel saw: a token that its issuer bound to a pod, sent by
/// another pod itself (`exchanged`: it was not), makes drift that no rule and no run explains an impersonation, one
/// severity higher. Of a process of the host it is told. After judge().
void judge_token(const cloud::TokenProof& token, bool exchanged, wire::Finding& finding);

/// What a call's client says to be (cloud::tool_of(), "" = nothing of note) against what the kernel saw. A forged one
/// makes drift that no rule and no run explains an impersonation, one severity higher. After judge().
void judge_tool(std::string_view tool, bool is_forged, wire::Finding& finding);

/// Of a difference that nobody has a rule for.
wire::Severity severity_of(wire::ComparisonResult comparison, bool sensitive);

}  // namespace plumbline::agent
