// Which members of an instance Terraform and OpenTofu mark: as secret, as known only after the apply.
#pragma once

#include <string>
#include <vector>

#include "baseline/source/terraform_common.hpp"

namespace plumbline::baseline {

/// The paths of a state's `sensitive_attributes`: lists of {type: "get_attr" | "index", value}. A path that goes into a
/// list ends there; one that cannot be read marks everything.
void add_sensitive_paths(simdjson::dom::element sensitive_attributes, TerraformInstance& instance);

/// The paths of a tree of marks as `show -json` writes it (`sensitive_values`, `after_sensitive`, `after_unknown`):
/// true for a marked value, within objects like the values themselves. A list with a mark anywhere is marked as a
/// whole, so is "" for a mark on the whole tree.
void append_marked_paths(simdjson::dom::element marks, std::vector<std::string>& paths);

}  // namespace plumbline::baseline
