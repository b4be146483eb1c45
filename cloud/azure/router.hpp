#pragma once

#include <string>

#include "cloud/route.hpp"

namespace plumbline::cloud::azure {

/// cloud/route.hpp, for Azure Resource Manager: by its hosts, and at any other one (Azure Stack, a proxy) by a path
/// below /subscriptions/{GUID} with an api-version. Data planes (vault.azure.net, blob.core.windows.net) are not of it.
Route route(const Head& head);

/// cloud/route.hpp: the provider's namespace, and the operation as Azure's roles name it without that.
std::string service_name(const ResourcePath& path);
std::string operation_name(const ResourcePath& path);

}  // namespace plumbline::cloud::azure
