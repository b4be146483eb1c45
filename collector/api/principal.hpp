// Who asks, for what the ledger keeps of it.
#pragma once

#include <string>

#include "http/message.hpp"

namespace plumbline::collector {

/// Whom the server knows by proof; without a guard whoever reaches it is local.
inline std::string principal_of(const http::Request& request) {
  return request.caller ? request.caller->name : "local";
}

/// The same with the name that `by` says, "" = none: "ann (certificate) (Ann of the night shift)".
inline std::string principal_of(const http::Request& request, const std::string& by) {
  return principal_of(request) + (by.empty() ? "" : " (" + by + ")");
}

}  // namespace plumbline::collector
