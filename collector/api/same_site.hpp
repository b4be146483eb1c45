// A browser names the page that sends a request; only one of this very server may change something here.
#pragma once

#include <strings.h>

#include <optional>
#include <string>

#include "http/message.hpp"

namespace plumbline::collector {

/// 403 for a request of another site's page. `what` it would have done.
inline std::optional<http::Response> refuse_other_sites(const http::Request& request, const std::string& what) {
  const std::string* origin = request.header("Origin");
  if (origin == nullptr) return std::nullopt;
  const std::string* host = request.header("Host");
  const std::size_t scheme = origin->find("://");  // "null" is what a sandboxed page sends
  if (host != nullptr && scheme != std::string::npos && ::strcasecmp(origin->c_str() + scheme + 3, host->c_str()) == 0)
    return std::nullopt;
  return http::problem({ErrorCode::permission, what, "the request comes from a page of another site (Origin)",
                        "send it without Origin, as curl does, or from a page of this host"});
}

}  // namespace plumbline::collector
