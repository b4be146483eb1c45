#pragma once

#include "cloud/body/value.hpp"
#include "cloud/route.hpp"

namespace plumbline::cloud::aws {

/// All members of an operation's input: of the path, the query, the headers and the body. Secrets are hidden.
struct Parameters : Decoded {
  /// Whether they ask the operation only to say if it would work, and it is one whose success then says no more. What
  /// the operation's model does not have, or has elsewhere, services pass over.
  bool asks_dry_run = false;
};
Parameters parameters_of(const Request& request, const Route& route);

/// Account by the access key, a header, the host, or an ARN among the parameters; "" where none of them says.
std::string account_of_request(const Request& request, const Route& route, const Value& parameters);

}  // namespace plumbline::cloud::aws
