#pragma once

#include "baseline/source/readers.hpp"

namespace plumbline::baseline {

/// apiVersion plumbline/v1, kind Manifest (docs/reference/manifest.md): what no tool describes, by hand. Every entry is
/// a resource of type "file" and its expectation.
Result<void> read_manifest(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out);

}  // namespace plumbline::baseline
