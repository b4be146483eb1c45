// How bytes are written where URLs, forms and headers take only some of them.
#pragma once

#include <string>
#include <string_view>

namespace plumbline::fetch {

/// Percent-encodes all but RFC 3986's unreserved characters, byte by byte; '/' too unless `keep_slash`. Into one
/// buffer, as the bytes may be a secret: a string that grows leaves its old bytes behind.
std::string percent_encode(std::string_view bytes, bool keep_slash = false);

/// Appends what percent_encode() gives. `out` has room for three times the bytes where they are a secret.
void append_percent_encoded(std::string& out, std::string_view bytes, bool keep_slash = false);

/// Padded, without line ends (RFC 4648, section 4).
std::string base64(std::string_view bytes);

/// Whether it is printable ASCII without blanks, or nothing: keys and tokens are, and only that goes into a header.
bool is_header_text(std::string_view text);

}  // namespace plumbline::fetch
