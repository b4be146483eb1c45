#pragma once

#include "cloud/operation.hpp"

namespace plumbline::cloud::kubernetes {

/// Fills what the body and the answer say: outcome and the Status' reason, the audit id, the body without secrets, how
/// it writes, and the object that it touches. Bodies may be JSON, YAML or a JSON patch; of protobuf and CBOR the path
/// alone tells.
void decode(const Request& request, const Response& response, const Route& route, Operation& operation);

}  // namespace plumbline::cloud::kubernetes
