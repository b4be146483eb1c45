#pragma once

#include "cloud/body/secret_prints.hpp"

namespace plumbline::cloud::gcp {

/// hide_secrets() of bodies, and beyond names and looks what Google calls its secrets by: keys of disks, a secret's
/// payload, what is to be encrypted, values of environments, bodies and headers of requests that it sends for its
/// users, and what an instance's metadata sets it up by. `prints`: see hide_value().
void hide_secrets(Value& body, const SecretPrints* prints);

}  // namespace plumbline::cloud::gcp
