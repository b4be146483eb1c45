// The verdict: writer × approval × content (DESIGN section 5). Decision only; the caller acts on it.
#pragma once

#include <string_view>
#include <vector>

#include "agent/config/rules_file.hpp"
#include "include/wire/finding.hpp"

namespace plumbline::agent {

/// Fills verdict, rule, severity, evidence and missing evidence from the rules, first match first. A proven writer
/// (in_band by a rule) whose content does not equal the baseline is `pending`: its baseline has not moved yet. Where no
/// rule fits: `converged_by_stranger` if the content is right, else `out_of_band`.
void judge(const std::vector<Rule>& rules, wire::Finding& finding, bool sensitive);

/// `*` within a path segment, `**` across; everything else is literal.
bool path_matches(std::string_view glob, std::string_view path);
/// `*` stands for any text, slashes included.
bool text_matches(std::string_view glob, std::string_view text);

}  // namespace plumbline::agent
