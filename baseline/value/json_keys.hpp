#pragma once

#include <cstddef>
#include <string_view>

namespace plumbline::baseline {

/// Whether `text` is one JSON value, nested no deeper than `max_depth`, in which no object has a key twice (parsers
/// disagree about which of the two counts).
bool is_json_without_duplicates(std::string_view text, std::size_t max_depth);

}  // namespace plumbline::baseline
