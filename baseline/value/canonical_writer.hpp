#pragma once

#include <simdjson.h>

#include "baseline/value/canonical.hpp"
#include "baseline/value/names.hpp"
#include "baseline/value/wiped_text.hpp"

namespace plumbline::baseline {

/// Whether the canonical form of a text under such a name is the text in quotes, with escapes where JSON needs them:
/// nothing that is looked into, and not of those of which the case does not count.
inline bool is_plain_text(std::string_view text, NameFacts name) {
  if (text.empty() || (name & name_of_protocol) != 0) return false;
  const auto first = static_cast<unsigned char>(text.front());
  return first > '/' && first != '[' && first != '{';
}

/// What was met on the way through a value.
struct Met {
  bool secret = false;     ///< as append_canonical() tells (canonical.hpp)
  bool key_twice = false;  ///< in an object of the value itself, not of JSON in its texts
};

/// append_canonical(), for whoever knows the name's facts and writes one value after the other.
Met write_canonical(simdjson::dom::element value, Lists lists, NameFacts name, WipedText& out);

}  // namespace plumbline::baseline
