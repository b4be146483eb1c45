// What a call to AWS touches, and how.
#pragma once

#include "cloud/operation.hpp"

namespace plumbline::cloud::aws {

/// Fills `semantics` and `touched` of a write by the tables, from its parameters, its outcome and the answer; reads and
/// operations that move data of users are left as they are, but for objects, which IaC may have made.
void add_effect(const Response& response, const Route& route, const SecretPrints* prints, Operation& operation);

}  // namespace plumbline::cloud::aws
