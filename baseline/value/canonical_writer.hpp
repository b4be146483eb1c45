#pragma once

#include <simdjson.h>

#include "baseline/value/canonical.hpp"
#include "baseline/value/names.hpp"
#include "baseline/value/wiped_text.hpp"

namespace plumbline::baseline {

/// append_canonical() (canonical.hpp), for whoever knows the name's facts and writes one value after the other.
bool write_canonical(simdjson::dom::element value, Lists lists, NameFacts name, WipedText& out);

}  // namespace plumbline::baseline
