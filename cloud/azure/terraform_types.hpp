#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cloud/azure/path.hpp"
#include "cloud/body/value.hpp"

namespace plumbline::cloud::azure {

/// Types of azurerm for `type` ("Microsoft.Compute/virtualMachines", in any case), views of the tables; none where it
/// has none. Of several, those come first that path and body speak for: whose the resource is, Linux or Windows, and
/// what the body says to be (`kind`, `properties.type` and the like).
std::vector<std::string_view> terraform_types(const std::string& type, const ArmPath& path, const Value& body);

}  // namespace plumbline::cloud::azure
