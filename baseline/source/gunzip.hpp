#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "include/util/result.hpp"

namespace plumbline::baseline {

bool is_gzip(std::string_view bytes);

/// The content of a gzip file (RFC 1952), of all its members; zeroes after the last one are padding. Errors (of which
/// `why` is what matters): not gzip, damaged, cut off, more than `max` bytes of content. The caller clears what is
/// secret; nothing of it is left here.
Result<std::string> gunzip(std::string_view bytes, std::size_t max);

/// As much of the first member's content as is there, `max` bytes at most: `bytes` may be cut anywhere. "" where it is
/// not gzip. The caller clears what is secret.
std::string gunzip_start(std::string_view bytes, std::size_t max);

}  // namespace plumbline::baseline
