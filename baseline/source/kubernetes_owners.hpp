// Who made an object of Kubernetes: its source's author, or something in the cluster.
#pragma once

#include <string>
#include <string_view>

#include "baseline/source/kubernetes_objects.hpp"

namespace plumbline::baseline {

bool has_annotation(const KubernetesObject& object, std::string_view name);

/// Why an object is no resource of its source: made by a controller, an event, a hook, … "" for those that are.
std::string why_unmanaged(const KubernetesObject& object);

/// The object at the end of the chain of controllers that made this one (metadata.ownerReferences), where all are in
/// the text; nullptr otherwise. Itself where it has none.
const KubernetesObject* top_controller(const KubernetesObject& object, const KubernetesObjects& objects);

}  // namespace plumbline::baseline
