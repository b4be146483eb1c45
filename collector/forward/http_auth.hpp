// The Authorization field of HTTP sinks.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "include/util/result.hpp"

namespace plumbline::collector {

/// At most one kind; none = no field. Files are read at each use, so a rotated secret takes effect at once.
struct HttpAuth {
  std::string username;  ///< Basic, with password_file
  std::string password_file;
  std::string api_key_file;  ///< `ApiKey …`: Elasticsearch's, as it encodes it (base64 of "id:key")
  std::string token_file;    ///< `Bearer …`
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// Appends the field. Errors: a file that cannot be read, or a secret that no header can carry; never its text.
Result<void> add_authorization(const HttpAuth& auth, HttpHeaders& headers);

/// The secret in `path`, for a header: printable ASCII only.
Result<std::string> read_header_secret(const std::string& path);

}  // namespace plumbline::collector
