// What Kubernetes itself says of its objects, for whoever reads one: in a manifest, or in a call.
#pragma once

#include <array>
#include <string_view>

namespace plumbline::baseline::kubernetes {

/// Members of metadata that the server writes.
inline constexpr std::array<std::string_view, 8> of_the_server = {
    "managedFields",     "resourceVersion",           "uid", "generation", "creationTimestamp", "selfLink",
    "deletionTimestamp", "deletionGracePeriodSeconds"};
/// Annotations that programs write for themselves.
inline constexpr std::array<std::string_view, 5> annotations_of_others = {
    "kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision",
    "deprecated.daemonset.template.generation", "control-plane.alpha.kubernetes.io/leader",
    "endpoints.kubernetes.io/last-change-trigger-time"};
/// Fields in which {} is the same as not to say anything: the server fills them in. In all others it says that
/// something is there: emptyDir, podSelector, selfSigned.
inline constexpr std::array<std::string_view, 16> nothing_if_empty = {
    "annotations", "labels",    "strategy",     "updateStrategy", "rollingUpdate", "resources", "securityContext",
    "limits",      "requests",  "nodeSelector", "affinity",       "selector",      "data",      "metadata",
    "spec",        "binaryData"};

/// patchMergeKey of k8s.io/api, where it is not "name".
struct ByApi {
  std::string_view list, member;
};
inline constexpr std::array<ByApi, 14> keys_of_the_api = {{{"ports", "containerPort"},
                                                           {"ports", "port"},
                                                           {"volumeMounts", "mountPath"},
                                                           {"volumeDevices", "devicePath"},
                                                           {"hostAliases", "ip"},
                                                           {"topologySpreadConstraints", "topologyKey"},
                                                           {"ownerReferences", "uid"},
                                                           {"taints", "key"},
                                                           {"items", "key"},
                                                           {"items", "path"},
                                                           {"matchExpressions", "key"},
                                                           {"podIPs", "ip"},
                                                           {"hostIPs", "ip"},
                                                           {"conditions", "type"}}};

}  // namespace plumbline::baseline::kubernetes
