#pragma once

#include <string>

#include "cloud/route.hpp"

namespace plumbline::cloud::gcp {

/// cloud/route.hpp, for Google Cloud: by its hosts (compute.googleapis.com, www.googleapis.com/compute, regional and
/// mTLS ones), and at any other one where the client says to be Google's and the path begins with an API's own word. A
/// gRPC call is one by its content type; its method is found among those of the API by name, or told as it is.
Route route(const Head& head);

/// cloud/route.hpp: "compute" and "instances.setMetadata".
std::string service_name(const Route& route);
std::string operation_name(const Route& route);

}  // namespace plumbline::cloud::gcp
