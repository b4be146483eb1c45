#pragma once

#include <string_view>

#include "cloud/body/secret_prints.hpp"

namespace plumbline::cloud::kubernetes {

/// Replaces what nobody may see by Value::Kind::secret, wiping it: all data of a Secret, the annotation that repeats an
/// applied object, what sounds or looks like a secret, values beside a name that does, and values of a JSON patch whose
/// path does. `plural`: of the path. References to secrets, as volumes have them, stay.
/// `prints`: see hide_value().
void hide_secrets(Value& body, std::string_view plural, const SecretPrints* prints);

}  // namespace plumbline::cloud::kubernetes
