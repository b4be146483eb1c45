// From the body of a write to the attributes that it sets.
#pragma once

#include <string>
#include <vector>

#include "cloud/body/value.hpp"
#include "cloud/touched.hpp"

namespace plumbline::cloud::kubernetes {

enum class BodyForm : std::uint8_t {
  whole,      ///< an object: of POST, PUT and apply
  merge,      ///< RFC 7386
  strategic,  ///< lists are merged by key; "$patch" and so on say how
  json,       ///< RFC 6902
};

/// What a body (without secrets) sets, with attributes as baselines of manifests have them:
/// "spec.template.spec.containers[name=web].image", "spec.template.spec.containers[]" for which items a list has. What
/// only the server sets is left out, and so are apiVersion, kind and status. An item of a list that has no key is
/// called by its place; in a JSON patch all are, since the patch does not say their names. False where there were more
/// than a megabyte of names: then some are missing.
bool append_settings(const Value& body, BodyForm form, std::vector<Setting>& out);

}  // namespace plumbline::cloud::kubernetes
