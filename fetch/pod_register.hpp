// What the API server says of the pods of this node, beside what their volumes hold.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace plumbline::fetch {

/// Thread-safe: a pods origin writes it where it fetches, whoever names actors reads it.
class PodRegister {
 public:
  struct Pod {
    std::string service_account;
    std::map<std::string, std::string> image_digests;  ///< container id → "sha256:…", of those that were started
  };
  using Pods = std::map<std::string, Pod>;  ///< by uid

  /// All that the node has now, at most max_node_pods; what was known before is forgotten.
  void replace(Pods pods) {
    const std::lock_guard lock(mutex_);
    pods_ = std::move(pods);
  }

  struct Facts {
    std::string service_account, image_digest;  ///< "" = not known (yet)
  };
  Facts facts_of(const std::string& pod_uid, const std::string& container_id) const {
    const std::lock_guard lock(mutex_);
    const auto pod = pods_.find(pod_uid);
    if (pod == pods_.end()) return {};
    const auto digest = pod->second.image_digests.find(container_id);
    return {pod->second.service_account, digest == pod->second.image_digests.end() ? "" : digest->second};
  }

 private:
  mutable std::mutex mutex_;
  Pods pods_;
};

}  // namespace plumbline::fetch
