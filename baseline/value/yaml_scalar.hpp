#pragma once

#include <string>
#include <string_view>

namespace plumbline::baseline {

enum class YamlType : unsigned char { text, null, boolean, number };

struct YamlScalar {
  YamlType type = YamlType::text;
  std::string text;  ///< as JSON where it is no text: "null", "true", "420", "1e+22"
};

/// What a scalar means, as go-yaml v2 resolves it (resolve.go of go.yaml.in/yaml/v2 2.4.2), with one difference: plain
/// y and n are text, as PyYAML and YAML 1.2 have it; no API takes them for anything else. Numbers that JSON cannot hold
/// (.inf, .nan, 1e999) are text. `tag` as yaml-cpp gives it: "?" for a plain scalar, "!" for a quoted one.
YamlScalar yaml_scalar(std::string_view tag, std::string_view value);

}  // namespace plumbline::baseline
