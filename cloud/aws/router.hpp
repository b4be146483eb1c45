#pragma once

#include "cloud/route.hpp"

namespace plumbline::cloud::aws {

/// cloud/route.hpp, for AWS. In this order: RPC v2 CBOR by its header, X-Amz-Target, a form's Action and Version, the
/// path. The signature's scope says which services are meant, the host which of those that share a signing name; each
/// protocol that a service ever had is taken.
Route route(const Head& head, std::string_view form);

}  // namespace plumbline::cloud::aws
