#pragma once

#include <string_view>

#include "cloud/body/value.hpp"

namespace plumbline::cloud::kubernetes {

/// Replaces what nobody may see by Value::Kind::secret, wiping it: all data of a Secret, the annotation that repeats an
/// applied object, what sounds or looks like a secret, values beside a name that does, and values of a JSON patch whose
/// path does. `plural`: of the path. References to secrets, as volumes have them, stay.
void hide_secrets(Value& body, std::string_view plural);

}  // namespace plumbline::cloud::kubernetes
