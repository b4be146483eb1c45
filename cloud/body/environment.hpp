// Environments of processes: their values are secrets whatever the variables are called.
#pragma once

#include <string_view>

#include "cloud/body/secret_prints.hpp"

namespace plumbline::cloud {

/// Hides what a member called `name` holds where it is an environment ("env", "environmentVariables", "appSettings",
/// the `variables` of an `environment`): each value of a map, `value` of a list's {name, value}, whole "NAME=value".
/// Names and references (`valueSource`, `secretRef`) stay. False: it is none. `prints`: see hide_value().
bool hide_environment(std::string_view name, Value& value, const SecretPrints* prints);

}  // namespace plumbline::cloud
