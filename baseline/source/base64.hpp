// Base64 as the tools read it whose files we read.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace plumbline::baseline {

enum class Base64 {
  strict,   ///< Go's StdEncoding: the alphabet, line ends and right padding, nothing else
  lenient,  ///< Python's base64.b64decode: what is not of the alphabet is passed over, what follows the padding too
};

/// The decoded bytes; nullopt where the tool itself would refuse the text. The caller clears what is secret.
std::optional<std::string> decode_base64(std::string_view text, Base64 how);

}  // namespace plumbline::baseline
