// MIME messages, as far as user data needs them, and as Python's email package reads them (cloud-init's reader).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "include/util/result.hpp"

namespace plumbline::baseline {

/// One part that holds no parts itself.
struct MimePart {
  std::string type;          ///< "text/cloud-config", lower case; "text/plain" where the message does not say
  std::string merge_type;    ///< header Merge-Type or X-Merge-Type
  std::string launch_index;  ///< header Launch-Index
  std::string body;          ///< with its transfer encoding undone; cleared by the caller
  /// Its transfer encoding is none (7bit, 8bit) although it is not ASCII: Python's reader garbles such a body.
  bool garbled = false;
};

/// All such parts in their order, those of nested multiparts included. Errors: a multipart without its closing boundary
/// (cut off), without a boundary at all, nested deeper than 8, a body that is not of its transfer encoding.
Result<std::vector<MimePart>> mime_parts(const std::string& origin, std::string_view message);

}  // namespace plumbline::baseline
