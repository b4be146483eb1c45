#include "baseline/source/kubernetes_owners.hpp"

#include "baseline/source/json_members.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

/// The controlling ownerReference.
bool controller_of(const KubernetesObject& of, object& controller) {
  array owners;
  if (!is_list(of.metadata["ownerReferences"], owners)) return false;
  for (const element owner : owners)
    if (is_object(owner, controller) && flag_member(controller, "controller")) return true;
  return false;
}

}  // namespace

bool has_annotation(const KubernetesObject& of, std::string_view name) {
  object annotations;
  return is_object(of.metadata["annotations"], annotations) && has_member(annotations, name);
}

std::string why_unmanaged(const KubernetesObject& of) {
  if (of.superseded) return "it stands again further down";
  if (of.kind == "Event" && (of.group.empty() || of.group == "events.k8s.io")) return "an event, not a declared object";
  if (of.kind == "Lease" && of.group == "coordination.k8s.io") return "a lease, which its holder renews";
  if (of.kind == "Secret" && of.group.empty() && text_member(of.json, "type").starts_with("helm.sh/release."))
    return "Helm's own record of a release: give it as a source of kind helm";
  if (has_annotation(of, "helm.sh/hook")) return "a hook of Helm: it exists only while Helm runs it";
  if (has_annotation(of, "argocd.argoproj.io/hook")) return "a hook of Argo CD: it exists only while a sync runs it";
  object controller;
  if (controller_of(of, controller)) return "its controller made it and keeps it";
  return {};
}

const KubernetesObject* top_controller(const KubernetesObject& of, const KubernetesObjects& objects) {
  constexpr int longest_chain = 8;  // Pod, ReplicaSet, Deployment, and what operators put on top
  const KubernetesObject* at = &of;
  for (int i = 0; i < longest_chain && at != nullptr; ++i) {
    object controller;
    if (!controller_of(*at, controller)) return at;
    const auto group = group_of(text_member(controller, "apiVersion"));
    const auto kind = text_member(controller, "kind"), name = text_member(controller, "name");
    const auto* next = objects.find(group, kind, at->ns, name);
    at = next != nullptr ? next : objects.find(group, kind, {}, name);
  }
  return nullptr;
}

}  // namespace plumbline::baseline
