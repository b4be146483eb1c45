// YAML as JSON, so that every reader of a source sees one kind of tree.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "include/util/result.hpp"

namespace plumbline::baseline {

struct YamlDocument {
  std::uint32_t line = 1;  ///< of its first node, from 1
  std::string json;        ///< "null" for an empty document
};

/// All documents of a YAML stream (a JSON file is one, too), each as JSON text, with the types that Kubernetes' own
/// reader gives (sigs.k8s.io/yaml over go-yaml v2, YAML 1.1): plain true/false/yes/no/on/off, decimal, 0x, 0o and 0777
/// integers, floats, null and ~; everything quoted is text; !!binary stays as its base64 text; other tags (Ruby's
/// "!ruby/sym x" in Puppet's files) leave the plain value. Merge keys ("<<") are merged. Errors name
/// `origin`:line:column: not YAML, a key twice in one map, nesting deeper than 100, aliases that blow the text up
/// beyond ten times its size plus 1 MiB.
Result<std::vector<YamlDocument>> yaml_documents(const std::string& origin, std::string_view text);

}  // namespace plumbline::baseline
