// What a service answered, as far as it names what was touched.
#pragma once

#include "cloud/body/value.hpp"
#include "cloud/http.hpp"
#include "cloud/route.hpp"

namespace plumbline::cloud::aws {

/// The answer's members as they are called on the wire, without the elements that only wrap them (XML's root, query's
/// <…Result>). An empty map where nothing was answered, or not with success. Secrets are hidden.
Value answer_of(const Response& response, const Route& route);

}  // namespace plumbline::cloud::aws
