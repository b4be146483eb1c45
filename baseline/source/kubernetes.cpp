#include "baseline/source/kubernetes.hpp"

#include <algorithm>
#include <set>

#include "baseline/kubelet.hpp"
#include "baseline/source/json_members.hpp"
#include "baseline/source/kubelet_volumes.hpp"
#include "baseline/source/kubernetes_attributes.hpp"
#include "baseline/source/kubernetes_ignores.hpp"
#include "baseline/source/kubernetes_owners.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::object;

bool is_commit(std::string_view text) {
  return text.size() >= 7 && text.size() <= 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

class Emit {
 public:
  Emit(const KubernetesObjects& objects, std::size_t size, const Keys& keys, Builder& out)
      : objects_(objects), keys_(keys), out_(out), budget_(size), volumes_(objects, keys, budget_) {}

  Result<void> run() {
    auto ignored = ignored_paths(objects_, budget_, out_);
    if (!ignored) return ignored.error();
    std::size_t i = 0;
    for (const KubernetesObject& object : objects_.all()) {
      auto& paths = (*ignored)[i++];
      if (object.superseded) continue;
      secrets_ = secrets_ || object.kind == "Secret";
      if (auto why = why_unmanaged(object); !why.empty()) {
        // A controller's pod is there for its volumes.
        if (!objects_.text().of_node || object.kind != "Pod") out_.skip(object.address, std::move(why));
        continue;
      }
      if (auto ok = resource(object, std::move(paths)); !ok) return ok.error();
    }
    for (const KubernetesObject& object : objects_.all())
      if (auto ok = files(object); !ok) return ok.error();
    return {};
  }

  bool secrets() const { return secrets_; }

 private:
  Result<void> resource(const KubernetesObject& object, std::vector<std::string> ignored) {
    Resource result;
    LeftOut left_out;
    result.address = object.address;
    result.provider = "kubernetes";
    result.type.append(object.api_version).append("/").append(object.kind);
    result.ids = objects_.ids_of(object);
    result.ignored = std::move(ignored);
    if (auto ok = append_kubernetes_attributes(object, keys_.attributes, budget_, objects_.text().origin,
                                               result.attributes, left_out);
        !ok)
      return ok.error();
    const auto is_secret = [](const Attribute& attribute) { return attribute.sensitive; };
    secrets_ = secrets_ || std::any_of(result.attributes.begin(), result.attributes.end(), is_secret);
    out_.resource(result);
    if (!left_out.empty()) out_.skip(object.address, left_out.text());
    if (objects_.lacks_namespace(object))
      out_.skip(object.address,
                "it names no namespace, so API calls cannot be matched with it: set metadata.namespace");
    return {};
  }

  /// Of a live pod.
  Result<void> files(const KubernetesObject& of) {
    if (of.superseded || of.kind != "Pod") return {};
    if (of.is_uid_refused) {
      out_.skip(of.address, "its metadata.uid is none that Kubernetes gives: its volumes are not found");
      return {};
    }
    const auto pod = pod_template_of(of);
    if (!pod || !pod->live || is_gone(of)) return {};
    const auto* top = top_controller(of, objects_);
    std::vector<VolumeFile> found;
    LeftOut unknown;
    if (auto ok = volumes_.append_files(*pod, top == nullptr || !why_unmanaged(*top).empty() ? "" : top->address, found,
                                        unknown);
        !ok)
      return ok.error();
    for (auto& file : found) {
      FileExpectation expected;
      expected.address = std::move(file.address);
      expected.path = objects_.text().kubelet_dir + "/pods/" + std::string(of.uid) + "/volumes/" +
                      std::string(file.plugin) + "/" + file.volume + "/" + file.path;
      expected.content = std::move(file.content);
      expected.mode = file.mode;
      expected.owner = "0";
      expected.group = std::move(file.group);
      expected.sensitive = file.sensitive;
      expected.awaited = phase_of(of) == "Pending";  // kubelet makes the volumes before it starts any container
      out_.file(std::move(expected));
    }
    if (!unknown.empty()) out_.skip(of.address, "its volumes: " + unknown.text());
    return {};
  }

  /// Its volumes are taken down, or going to be, or under another uid (of a static pod's mirror).
  static bool is_gone(const KubernetesObject& of) {
    const auto phase = phase_of(of);
    return phase == "Succeeded" || phase == "Failed" || has_member(of.metadata, "deletionTimestamp") ||
           has_annotation(of, "kubernetes.io/config.mirror");
  }

  static std::string_view phase_of(const KubernetesObject& of) {
    object status;
    return is_object(of.json["status"], status) ? text_member(status, "phase") : std::string_view{};
  }

  const KubernetesObjects& objects_;
  const Keys& keys_;
  Builder& out_;
  WorkBudget budget_;
  KubeletVolumes volumes_;
  bool secrets_ = false;
};

/// The one Git commit that the objects name; "" where they name none, or several.
std::string commit_of(const KubernetesObjects& objects) {
  std::set<std::string_view> commits;
  for (const KubernetesObject& of : objects.all()) {
    object annotations;
    if (!is_object(of.metadata["annotations"], annotations)) continue;
    for (const char* name : {"app.openshift.io/vcs-ref", "org.opencontainers.image.revision"})
      if (const auto commit = text_member(annotations, name); is_commit(commit)) commits.insert(commit);
  }
  return commits.size() == 1 ? std::string(*commits.begin()) : std::string();
}

}  // namespace

Result<bool> emit_kubernetes(const KubernetesObjects& objects, std::size_t size, const Keys& keys, Builder& out) {
  Emit emit(objects, size, keys, out);
  if (auto ok = emit.run(); !ok) return ok.error();
  return emit.secrets();
}

Result<void> read_kubernetes(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out) {
  const auto objects = KubernetesObjects::read(
      {spec.path, "k8s:" + spec.name + "/", {}, spec.kubelet_dir, spec.path == pods_location}, bytes, out);
  if (!objects) return objects.error();
  const auto secrets = emit_kubernetes(*objects, bytes.size(), keys, out);
  if (!secrets) return secrets.error();
  if (const auto version = objects->list_version(); is_printable_name(version) && version.size() <= 64) {
    out.revision("resourceVersion", std::string(version));
  } else if (const auto commit = commit_of(*objects); !commit.empty()) {
    out.revision("commit", commit);
  } else {
    const auto digest = sha256(bytes);
    out.revision("content", *secrets ? keys.files.of_digest(digest) : "sha256:" + to_hex(digest));
  }
  return {};
}

}  // namespace plumbline::baseline
