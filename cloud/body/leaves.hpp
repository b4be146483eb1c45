// From a body's tree to attributes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cloud/touched.hpp"

namespace plumbline::cloud {

/// A setting for each leaf of a map, called as baselines call attributes: "properties.hardwareProfile.vmSize", a dot
/// within a name escaped. A list is one value, and an empty map, too. False where there was more than a megabyte of
/// names: then some are missing.
bool append_leaves(const Value& body, std::vector<Setting>& out);

/// "publicNetworkAccess" → "public_network_access", "enableHTTPSOnly" → "enable_https_only"; what is no letter stays.
std::string snake_case(std::string_view name);

}  // namespace plumbline::cloud
