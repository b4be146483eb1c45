// What a path means to Azure Resource Manager.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "cloud/http.hpp"

namespace plumbline::cloud::azure {

/// Views of the path. Types and names stand in turns, whatever their case.
struct ArmPath {
  bool known = false;
  std::string_view scope;         ///< before the last /providers/: "/subscriptions/S/resourceGroups/R"
  std::string_view provider;      ///< "Microsoft.Compute"; Microsoft.Resources where the path has no /providers/
  std::string_view types;         ///< "virtualMachines/vm1/extensions/e1"; without the action
  std::string_view action;        ///< "start": what follows the last name, of a POST
  std::string_view subscription;  ///< "" for tenants' own things
  std::string_view id;            ///< the resource's: all but the action
  bool collection = false;        ///< the last type has no name behind it
};

/// /subscriptions/{id}[/resourceGroups/{name}][/providers/{namespace}/{type}/{name}…][/{action}], and the same below
/// /providers/ (https://learn.microsoft.com/azure/azure-resource-manager/management/extension-resource-types). The last
/// /providers/ is that of the resource; what is before it is what it belongs to.
ArmPath parse_path(std::string_view method, std::string_view path);

/// "virtualMachines/extensions" of "virtualMachines/vm1/extensions/e1".
std::string types_alone(std::string_view types_and_names);

/// "8f3d1a52-0000-4000-8000-000000000001"
bool is_guid(std::string_view text);

}  // namespace plumbline::cloud::azure
