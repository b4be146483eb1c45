// Where a server is, as a configuration names it.
#pragma once

#include <string>

#include "include/util/result.hpp"

namespace plumbline::http {

/// An http:// or https:// URL (RFC 3986, RFC 9110 section 4.2) in the parts that a client needs.
struct Url {
  bool tls = false;
  std::string origin;  ///< "https://host:port", as given
  std::string host;    ///< as given; brackets of IPv6 removed
  std::string port;    ///< digits; the scheme's own where none is given
  std::string target;  ///< path and query, "/" where there is none; no fragment
};

/// `what` is the error's: "read the collector's URL". Errors never hold the URL, which may be a secret.
/// `invalid_argument`: another scheme, no host, a port that is none, a user or password, a byte that is to be encoded.
Result<Url> parse_url(const std::string& what, const std::string& url);

/// Whether nobody on the way reads along: by TLS, or to this machine alone.
bool is_private(const Url& url);

}  // namespace plumbline::http
