#pragma once

#include <string>
#include <string_view>

#include "include/util/result.hpp"

namespace plumbline::baseline {

/// An absolute, lexically normal path: "." and ".." and double slashes removed, no slash at the end. A relative one is
/// taken from `base`. Refused: empty, and with a NUL byte.
Result<std::string> normal_path(std::string_view path, std::string_view base);

}  // namespace plumbline::baseline
