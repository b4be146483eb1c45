// What the authors of a text of Kubernetes want no drift of.
#pragma once

#include <string>
#include <vector>

#include "baseline/source/kubernetes_attributes.hpp"
#include "baseline/source/kubernetes_objects.hpp"

namespace plumbline::baseline {

/// For each object of `objects.all()`, by its place there, the paths that are ignored (Resource::ignored):
/// - spec.replicas of what a HorizontalPodAutoscaler or a KEDA ScaledObject of the same text scales, and where a
///   scalable object leaves it out;
/// - spec.ignoreDifferences of an Argo CD Application (docs/user-guide/diffing.md): jsonPointers, and those
///   jqPathExpressions that are plain paths; of objects that the application tracks, or that no other one does;
/// - spec.driftDetection.ignore of a Flux HelmRelease and spec.ignore of a Flux Kustomization; of objects with its
///   labels, or without anyone's where the rule names a kind.
/// Rules that cannot be read go to `out.skip`. Errors: the budget is spent.
Result<std::vector<std::vector<std::string>>> ignored_paths(const KubernetesObjects& objects, WorkBudget& budget,
                                                            Builder& out);

}  // namespace plumbline::baseline
