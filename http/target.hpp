// Request targets: percent-encoding and query strings (RFC 3986, and "+" as HTML forms write it).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace plumbline::http {

/// nullopt for "%" without two hex digits and for an encoded NUL. `plus_is_space`: in query strings only.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

/// Everything but unreserved characters becomes %XX, "/" and ":" too.
std::string percent_encode(std::string_view bytes);

/// "a=1&b=x%20y" → {{"a","1"},{"b","x y"}}; empty parts are skipped; nullopt for bad encoding.
std::optional<Fields> parse_query(std::string_view text);

/// The host of "example.org:80", "[::1]:80" or "localhost", in lower case, brackets kept; "" = not a host.
std::string host_of_authority(std::string_view authority);

}  // namespace plumbline::http
