#include "baseline/source/kubernetes_names.hpp"

namespace plumbline::baseline {
namespace {

/// Groups of which every kind is known, between spaces.
constexpr std::string_view own_groups =
    " admissionregistration.k8s.io apiextensions.k8s.io apiregistration.k8s.io apps authentication.k8s.io"
    " authorization.k8s.io autoscaling batch certificates.k8s.io coordination.k8s.io discovery.k8s.io events.k8s.io"
    " extensions flowcontrol.apiserver.k8s.io internal.apiserver.k8s.io networking.k8s.io node.k8s.io policy"
    " rbac.authorization.k8s.io resource.k8s.io scheduling.k8s.io storage.k8s.io ";

constexpr std::string_view cluster_kinds =
    " APIService CSIDriver CSINode CertificateSigningRequest ClusterRole ClusterRoleBinding ClusterTrustBundle"
    " ComponentStatus CustomResourceDefinition DeviceClass DeviceTaintRule FlowSchema IPAddress IngressClass"
    " MutatingAdmissionPolicy MutatingAdmissionPolicyBinding MutatingWebhookConfiguration Namespace Node"
    " PersistentVolume PodSecurityPolicy PriorityClass PriorityLevelConfiguration ResourceSlice RuntimeClass"
    " SelfSubjectAccessReview SelfSubjectReview SelfSubjectRulesReview ServiceCIDR StorageClass StorageVersion"
    " SubjectAccessReview TokenReview ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding"
    " ValidatingWebhookConfiguration VolumeAttachment VolumeAttributesClass ";

bool is_among(std::string_view word, std::string_view words) {
  return word.find(' ') == std::string_view::npos &&
         words.find(" " + std::string(word) + " ") != std::string_view::npos;
}

}  // namespace

KindScope scope_of_kind(std::string_view group, std::string_view kind) {
  if (!group.empty() && !is_among(group, own_groups)) return KindScope::unknown;
  return is_among(kind, cluster_kinds) ? KindScope::cluster : KindScope::namespaced;
}

/// UnsafeGuessKindToResource of k8s.io/apimachinery, but for a vowel before the y (gateways), which it gets wrong.
std::string plural_of_kind(std::string_view kind) {
  std::string plural(kind);
  for (char& c : plural)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  if (plural == "endpoints" || plural.empty()) return plural;
  if (plural.ends_with('s')) return plural + "es";
  const bool vowel =
      plural.size() > 1 && std::string_view("aeiou").find(plural[plural.size() - 2]) != std::string::npos;
  if (plural.ends_with('y') && !vowel) return plural.substr(0, plural.size() - 1) + "ies";
  return plural + "s";
}

std::string rest_path(std::string_view group, std::string_view version, std::string_view plural, std::string_view ns,
                      std::string_view name) {
  std::string path = group.empty() ? "/api/" : "/apis/";
  if (!group.empty()) path.append(group).append("/");
  path.append(version);
  if (!ns.empty()) path.append("/namespaces/").append(ns);
  return path.append("/").append(plural).append("/").append(name);
}

std::string object_key(std::string_view group, std::string_view kind, std::string_view ns, std::string_view name) {
  std::string key(group);
  if (!group.empty()) key += '/';
  key.append(kind).append("/");
  if (!ns.empty()) key.append(ns).append("/");
  return key.append(name);
}

}  // namespace plumbline::baseline
