// The readers of one format each; baseline.cpp chooses.
#pragma once

#include <string_view>

#include "baseline/baseline.hpp"

namespace plumbline::baseline {

/// Terraform and OpenTofu state v4 (internal/states/statefile/version4.go in both projects). Addresses are
/// "tofu:<source>/<module.path.>type.name[key]" for either tool: it is one format. Relative filenames are taken from
/// the directory of the state file, which is where the tools run unless told otherwise. Managed files: local_file and
/// local_sensitive_file; `mode` is file_permission less 022, the part that the umask takes.
Result<Baseline> parse_terraform_state(const SourceSpec& spec, std::string_view bytes, const KeyedHash& key);

/// apiVersion plumbline/v1, kind Manifest (docs/reference/manifest.md).
Result<Baseline> parse_manifest(const SourceSpec& spec, std::string_view bytes, const KeyedHash& key);

}  // namespace plumbline::baseline
