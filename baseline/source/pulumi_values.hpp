// Pulumi's property values, in which objects with a signature stand for what JSON cannot say: secrets, assets,
// references (sdk/go/common/apitype/property-values.json).
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>
#include <vector>

#include "baseline/source/json_writer.hpp"
#include "baseline/source/left_out.hpp"

namespace plumbline::baseline {

/// What became of a map of properties.
struct PulumiProperties {
  JsonWriter json;                     ///< an object of plain values
  std::vector<std::string> sensitive;  ///< paths of secrets that were opened; syntax of Attribute::path
  bool all_sensitive = false;          ///< there are too many of them to list
  LeftOut left_out;                    ///< what has no plain value
};

/// Opens envelopes. Members that begin with "__" are a provider's notes to itself (__defaults) and are left away. A
/// list in which one element has no plain value has none itself.
void open_pulumi_properties(simdjson::dom::object properties, PulumiProperties& out);

}  // namespace plumbline::baseline
