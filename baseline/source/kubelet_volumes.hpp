// The files that kubelet makes of ConfigMaps, Secrets and a pod's own fields, in the pod's volumes.
//
// Sources of the facts: Kubernetes 1.34, pkg/volume/{configmap,secret,projected,downwardapi} (what is written),
// pkg/volume/util/atomic_writer.go (how), pkg/volume/volume_linux.go (fsGroup), pkg/fieldpath (fields as text). A
// volume is /var/lib/kubelet/pods/<uid>/volumes/<plugin>/<volume>; in it, the first part of each path is a symlink
// through
// `..data` into a directory that is replaced as a whole, and the path through it is the one that containers see.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "baseline/source/kubernetes_attributes.hpp"
#include "baseline/source/kubernetes_objects.hpp"
#include "baseline/source/left_out.hpp"
#include "baseline/source/readers.hpp"

namespace plumbline::baseline {

/// A pod, or what pods are made of.
struct PodTemplate {
  std::optional<simdjson::dom::object> metadata;
  simdjson::dom::object spec;
  std::string_view ns;
  bool live = false;  ///< the pod itself, as the cluster has it
};

/// Of a Pod, Deployment, DaemonSet, StatefulSet, ReplicaSet, ReplicationController, Job or CronJob.
std::optional<PodTemplate> pod_template_of(const KubernetesObject& object);

struct VolumeFile {
  std::string volume;       ///< spec.volumes[].name
  std::string_view plugin;  ///< its directory: "kubernetes.io~configmap"
  std::string path;         ///< within the volume, normal: "app.conf", "tls/tls.crt"
  std::string address;      ///< of the ConfigMap or Secret; of the pod's own resource for its fields
  /// As FileExpectation::content; nullopt where only the running pod tells (labels of a template, a cgroup's limits).
  std::optional<std::string> content;
  std::uint32_t mode = 0644;
  std::optional<std::string> group;  ///< decimal gid; nullopt where a user namespace maps it
  bool sensitive = false;
};

/// Keeps what it found out about each object. One thread; everything given outlives it.
class KubeletVolumes {
 public:
  KubeletVolumes(const KubernetesObjects& objects, const Keys& keys, WorkBudget& budget)
      : objects_(objects), keys_(keys), budget_(budget) {}

  /// The files of the pod's volumes, as far as their objects are in the same text. `own_address` is for those that hold
  /// the pod's own fields; "" leaves these out. What is mounted but not known goes to `unknown`, as
  /// "<volume>/<path>". Errors: the budget is spent.
  Result<void> append_files(const PodTemplate& pod, const std::string& own_address, std::vector<VolumeFile>& out,
                            LeftOut& unknown);

 private:
  struct Content {
    std::string digest;
    bool sensitive = false;
  };
  using Contents = std::unordered_map<std::string_view, Content>;
  class Volume;

  Content content_of(std::string_view bytes, bool sensitive) const;
  const Contents& contents_of(const KubernetesObject& object);

  const KubernetesObjects& objects_;
  const Keys& keys_;
  WorkBudget& budget_;
  std::unordered_map<const KubernetesObject*, Contents> known_;
};

}  // namespace plumbline::baseline
