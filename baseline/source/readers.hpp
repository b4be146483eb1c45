// The readers of one format each; baseline.cpp chooses. Every reader takes a source whole or refuses it: errors name
// the file with a JSON pointer ("#/resources/3/type") or line:column, say why and what to do, and hold no value of the
// source that could be a secret. A reader never touches the file system or the network, and never throws.
#pragma once

#include <string_view>

#include "baseline/builder.hpp"
#include "baseline/value/fingerprint.hpp"

namespace plumbline::baseline {

/// The two ways in which values are kept. Outlives every reader that uses it; thread-safe.
struct Keys {
  const KeyedHash& files;           ///< digests of sensitive files
  const Fingerprinter& attributes;  ///< everything else
};

using Reader = Result<void> (*)(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out);

}  // namespace plumbline::baseline
