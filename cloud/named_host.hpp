// What a host's name alone says, where nothing else of a connection can be seen.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cloud/route.hpp"

namespace plumbline::cloud {

struct NamedHost {
  Provider provider = Provider::none;
  std::string service;  ///< as hosts name it: "ec2", "compute"; "management" for Azure Resource Manager
  std::string region;   ///< "" for a global one, or where the name does not say
};

/// nullopt for hosts that are no service of a cloud: also for what its users run there (load balancers, functions'
/// URLs).
std::optional<NamedHost> named_host(std::string_view host);

}  // namespace plumbline::cloud
