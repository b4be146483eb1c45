// A source behind an HTTP(S) URL.
#pragma once

#include "fetch/origin.hpp"

namespace plumbline::fetch {

struct HttpOriginOptions {
  std::string url;         ///< http:// or https://
  std::string token_file;  ///< its one line goes along as "Authorization: Bearer"; "" = none. Read anew for each fetch
  std::string ca_file;     ///< PEM; "" = the system's
  FetchLimits limits;
};

/// GET with If-None-Match, or If-Modified-Since where the server gave no ETag (RFC 9110, 13.1). `invalid_argument`: a
/// bad URL, or a token that would travel unencrypted.
Result<std::unique_ptr<Origin>> make_http_origin(HttpOriginOptions options);

}  // namespace plumbline::fetch
