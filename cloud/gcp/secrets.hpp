#pragma once

#include "cloud/body/value.hpp"

namespace plumbline::cloud::gcp {

/// hide_secrets() of bodies, and beyond names and looks what Google calls its secrets by: keys of disks, a secret's
/// payload, what is to be encrypted.
void hide_secrets(Value& body);

}  // namespace plumbline::cloud::gcp
