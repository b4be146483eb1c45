#pragma once

#include "cloud/azure/path.hpp"
#include "cloud/body/secret_prints.hpp"

namespace plumbline::cloud::azure {

/// hide_secrets() of bodies, and beyond names and looks what Azure Resource Manager calls its secrets by: values that
/// the body marks (`type: SecureString`, `secret: true`), names of key material, values of environments, the value of
/// a type that is nothing but one (vaults' secrets, functions' keys), parameters of deployments whose type is not told.
/// Each item of a batch (`requests`) is taken by its own path. Where in doubt, it is a secret. `cut`: the body's end is
/// missing, and so may be what marks a value. `prints`: see hide_value().
void hide_secrets(Value& body, const ArmPath& path, bool cut, const SecretPrints* prints);

}  // namespace plumbline::cloud::azure
