// Kubernetes manifests and live objects.
#pragma once

#include <string>
#include <string_view>

#include "baseline/source/kubernetes_objects.hpp"
#include "baseline/source/readers.hpp"

namespace plumbline::baseline {

/// Reads objects of Kubernetes (API of 1.34, any other alike): manifests of many documents in YAML or JSON, `kind:
/// List` and typed lists, output of `kustomize build`, `helm template` and `kubectl get -o yaml|json`. Sources of the
/// facts: research/drift.md §2.6, §2.8 and §3, k8s.io/api and k8s.io/kubernetes 1.34, argo-cd's and fluxcd's
/// documentation.
///
/// - Each object becomes a resource: address `k8s:<source>/<apiVersion>/<Kind>/<namespace>/<name>` (no namespace part
///   outside of namespaces), type `<apiVersion>/<Kind>`, attributes as kubernetes_attributes.hpp tells, ignored paths
///   as kubernetes_ignores.hpp does. Ids: the REST path ("/apis/apps/v1/namespaces/shop/deployments/web"),
///   "apps/Deployment/shop/web", and the uid where the cluster gave one.
/// - An object that should be in a namespace and names none gets no REST path, since kubectl takes the namespace from
///   whoever applies it; that is told as a skip of its own address, beside the resource.
/// - Left out, each with its reason: what a controller made (a ReplicaSet's pods), events and leases, hooks of Helm and
///   Argo CD (they exist while these run), Helm's own records (read them as `helm`), input of kustomize, what stands
///   again further down.
/// - Tracking marks stay attributes: labels and annotations of Argo CD, Flux and Helm are under "metadata.labels" and
///   "metadata.annotations"; a tracking id that names another object is left out, since it came along with a copy.
/// - A live pod (uid and nodeName) whose volumes hold objects of the same text gives files:
///   <kubelet_dir>/pods/<uid>/volumes/<plugin>/<volume>/<path>, through `..data`'s visible symlink, owned by the
///   ConfigMap's or Secret's resource; fields of the pod by the one of its uppermost controller. They are on the node
///   that spec.nodeName names, and nowhere else. Those of a pod in the phase Pending are awaited.
/// - Revision: `resourceVersion` of a list that has one; or `commit`, where the objects name exactly one in
///   app.openshift.io/vcs-ref or org.opencontainers.image.revision; or `content`, "sha256:<hex>" of the bytes, and
///   "hmac-sha256:<hex>" where they hold secrets.
/// Errors: kubernetes_objects.hpp, and names or rules that multiply beyond measure.
Result<void> read_kubernetes(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out);

/// What read_kubernetes() does after the objects are read, without a revision: for readers of what holds manifests.
/// `size`: of the text, in bytes. True where there are secrets in it.
Result<bool> emit_kubernetes(const KubernetesObjects& objects, std::size_t size, const Keys& keys, Builder& out);

}  // namespace plumbline::baseline
