// One way of writing a value, whoever wrote it first: two values that mean the same are the same text afterwards.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

namespace plumbline::baseline {

/// How lists compare. Terraform, Pulumi and CloudFormation write sets as lists in an order of their own, so there a
/// list is a set unless its name says otherwise (ordered_by_name()); in Kubernetes it is a list.
enum class Lists { ordered, unordered };

/// The canonical text of a value, JSON with these rules (docs/decisions/0012-canonical-values.md):
/// - null, "", [] and {} are absent: the result is ""; members of objects that are absent are left out;
/// - numbers and booleans are written as strings ("5", "true"), since tools disagree about them; 5.0 and 5 are one;
/// - keys are sorted; a list under Lists::unordered is sorted, duplicates stay;
/// - a string that is a JSON object or array as a whole (a policy, a container definition) is replaced by its canonical
///   value; in an IAM policy (an object with "Statement") a list of one is its element, and action names are lower
///   case.
/// Appends to `out`. `scratch`-free, recursive up to the parser's own depth limit.
void append_canonical(simdjson::dom::element value, Lists lists, std::string& out);

std::string canonical(simdjson::dom::element value, Lists lists);

/// As above, of a string that is no JSON value but text of its own.
std::string canonical_text(std::string_view text);

/// Whether a list of this name keeps its order although its tool writes sets as lists: command, args, entry_point, …
bool ordered_by_name(std::string_view name);

}  // namespace plumbline::baseline
