// What `terraform show -json` and `tofu show -json` print.
#pragma once

#include <string_view>

#include "baseline/source/readers.hpp"

namespace plumbline::baseline {

/// The output of `show -json` for a state or for a saved plan, format_version 1.x (internal/command/jsonstate, jsonplan
/// and jsonconfig of OpenTofu, the same in Terraform). Addresses are "tofu:<source>/<address>", as for a raw state.
///
/// State: every managed resource of `values.root_module` and its child modules, down to any depth.
/// Plan: what is wanted is `planned_values`, with what is known only after the apply (`after_unknown`) left out; marks
/// of secrets are those of planned_values and of `resource_changes` together, since only the latter have the schema's.
/// Skipped, with the reason: resources that the plan destroys or forgets, that are deferred, or that stand in the prior
/// state but not in the plan (-target); deposed instances; names of unknown attributes that are not simply computed.
/// `resource_drift` is what somebody changed behind the tool's back: a finding, not a wish. Each entry is a skip line
/// with the names of the attributes; where the plan does not put them back, planned_values hold them as they were
/// found. Refused: a plan that is errored or refresh-only (it plans nothing), a state of nothing (`show -json` in the
/// wrong folder prints just a format_version).
///
/// Neither holds serial and lineage: the revision is `content`, a keyed hash of the output, and for a plan its
/// `timestamp` too. Neither holds lifecycle.ignore_changes: not in `configuration` either (jsonconfig has no
/// lifecycle). Outputs, data sources and variables are no resources.
Result<void> read_terraform_json(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out);

}  // namespace plumbline::baseline
