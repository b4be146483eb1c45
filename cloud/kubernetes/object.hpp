// What answers and requests of Kubernetes say of an object, beside what they change.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cloud/body/value.hpp"

namespace plumbline::cloud::kubernetes {

/// "UID/RESOURCEVERSION" of the object in a JSON answer; "" = it tells none. Its beginning is enough, as the API server
/// writes metadata before data. Who may not read the object does not know its UID.
std::string object_version(std::string_view json, bool cut);

/// Whether a request leaves a Lease with somebody who holds it; nullopt: it does not say. `body`: its object, or a
/// merge patch of it (`is_patch`).
std::optional<bool> leaves_held(const Value& body, bool is_patch);

}  // namespace plumbline::cloud::kubernetes
