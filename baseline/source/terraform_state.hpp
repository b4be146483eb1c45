#pragma once

#include "baseline/source/readers.hpp"
#include "baseline/value/json_stream.hpp"

namespace plumbline::baseline {

/// Terraform and OpenTofu state v4 (internal/states/statefile/version4.go in both projects), encrypted ones included
/// (terraform_common.hpp). Addresses are "tofu:<source>/<module.path.>type.name[key]" for either tool: it is one
/// format. Relative filenames are taken from the directory of the state file, which is where the tools run unless told
/// otherwise. Every managed instance becomes a resource; deposed ones are skipped.
Result<void> read_terraform_state(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out);

/// The same of a state that is never held whole: one instance at a time is in memory, and the last one of each of some
/// types, since most are read by what differs from it (terraform_repeat.hpp).
Result<void> stream_terraform_state(const SourceSpec& spec, JsonStream::Read read, const Keys& keys, Builder& out);

}  // namespace plumbline::baseline
