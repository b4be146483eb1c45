#pragma once

#include <simdjson.h>

#include <string_view>

namespace plumbline::baseline {

/// "--password=x", "db.password=x": whether the name before the first "=" is that of a secret (sensitive.hpp).
bool is_secret_assignment(std::string_view argument);

/// Whether a list, read as a command's words, gives a secret in a word of its own, which by itself looks like nothing:
/// {"--password", "x"}, {"curl", "-u", "user:x"}, {"mysql", "-px"}. Goes by the order in which the words stand.
bool has_secret_argument(simdjson::dom::array words);

}  // namespace plumbline::baseline
