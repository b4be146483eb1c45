// Values of a catalog: plain JSON, or Puppet's rich data, {"__ptype": "Sensitive", "__pvalue": …}
// (lib/puppet/pops/serialization/to_data_converter.rb).
#pragma once

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>

#include "baseline/keyed_hash.hpp"

namespace plumbline::baseline {

/// The text of a scalar; "" for anything else, and where there is none.
std::string puppet_scalar(const simdjson::simdjson_result<simdjson::dom::element>& found);

/// "Sensitive", "Binary", "Deferred", …; "" for plain data.
std::string_view puppet_type_of(simdjson::dom::element value);

/// Whether a value must not be shown: a Sensitive, or a list with one somewhere in it. Maps are flattened before, and
/// their members asked for one by one.
bool is_puppet_secret(simdjson::dom::element value);

struct PuppetContent {
  std::optional<Sha256> digest;
  std::string why_not;     ///< where there is no digest
  bool is_secret = false;  ///< by its type or its look
};

/// Of the parameter `content`: text, Binary, or either within a Sensitive.
PuppetContent puppet_content(simdjson::dom::element content);

}  // namespace plumbline::baseline
