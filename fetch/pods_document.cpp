#include "fetch/pods_document.hpp"

#include <simdjson.h>

#include <algorithm>
#include <limits>

#include "baseline/source/json_members.hpp"
#include "baseline/source/json_text.hpp"
#include "fetch/kubernetes_origin.hpp"

namespace plumbline::fetch {
namespace {

using baseline::has_member;
using baseline::is_list;
using baseline::is_object;
using baseline::text_member;
using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::size_t any_length = std::numeric_limits<std::size_t>::max();
constexpr const char* fix = "is `endpoint` an API server?";

/// "<uid> <resourceVersion>"; a list has no uid.
std::string version_of(object metadata) {
  return std::string(text_member(metadata, "uid")) + " " + std::string(text_member(metadata, "resourceVersion"));
}

bool parse(baseline::JsonText& json, std::string_view answer, object& out, object& metadata) {
  const auto top = json.parse("", answer);
  return top && is_object(*top, out) && is_object(out["metadata"], metadata) &&
         !text_member(metadata, "resourceVersion").empty();
}

/// Its volumes are taken down, or are under another uid (of a static pod's mirror).
bool is_gone(object pod, object metadata) {
  object status, annotations;
  const auto phase = is_object(pod["status"], status) ? text_member(status, "phase") : std::string_view{};
  return phase == "Succeeded" || phase == "Failed" || has_member(metadata, "deletionTimestamp") ||
         (is_object(metadata["annotations"], annotations) && has_member(annotations, "kubernetes.io/config.mirror"));
}

}  // namespace

Result<ObjectMark> read_mark(const std::string& what, std::string_view answer, std::size_t& items) {
  baseline::JsonText json;
  object top, metadata;
  array list;
  if (!parse(json, answer, top, metadata)) return invalid(what, "the answer is no object of Kubernetes", fix);
  if (!is_list(top["items"], list)) return ObjectMark{version_of(metadata), ""};
  ObjectMark mark{"", std::string(text_member(metadata, "continue"))};
  for (const element item : list) {
    object one, about;
    if (!is_object(item, one) || !is_object(one["metadata"], about))
      return invalid(what, "an item of the list is no object of Kubernetes", fix);
    mark.version.append(version_of(about)).append("\n");
    ++items;
  }
  return mark;
}

PodsDocument::PodsDocument() {
  text_.open('{');
  text_.key("apiVersion");
  text_.text("v1");
  text_.key("kind");
  text_.text("List");
  text_.key("items");
  text_.open('[');
}

Result<ObjectMark> PodsDocument::add_pods(std::string_view page) {
  const std::string what = "read the pods of the node";
  const auto mark = read_mark(what, page, pods_);
  if (!mark) return mark.error();
  if (pods_ > max_node_pods)
    return invalid(what, "there are more than " + std::to_string(max_node_pods),
                   "is `node_name` the name of one node?");
  baseline::JsonText json;
  object list, metadata;
  array items;
  if (!parse(json, page, list, metadata) || !is_list(list["items"], items))
    return invalid(what, "the answer is no list", fix);
  if (version_.empty()) version_ = text_member(metadata, "resourceVersion");
  for (const element pod : items) add_pod(pod.get_object().value());
  if (mounted_.size() > max_mounted_objects)
    return invalid(what, "they mount more than " + std::to_string(max_mounted_objects) + " ConfigMaps and Secrets",
                   "give the agent a file of those that matter");
  return mark;
}

void PodsDocument::add_pod(object pod) {
  object metadata, spec, status;
  element of_spec;
  if (!is_object(pod["metadata"], metadata) || pod["spec"].get(of_spec) != simdjson::SUCCESS ||
      !is_object(of_spec, spec))
    return;
  text_.open('{');
  text_.key("apiVersion");
  text_.text("v1");
  text_.key("kind");
  text_.text("Pod");
  text_.key("metadata");
  text_.open('{');
  for (const char* name : {"name", "namespace", "uid", "labels", "annotations", "ownerReferences", "deletionTimestamp"})
    if (element value; metadata[name].get(value) == simdjson::SUCCESS) {
      text_.key(name);
      text_.tree(value, any_length);
    }
  text_.close();
  text_.key("spec");
  text_.tree(of_spec, any_length);
  if (is_object(pod["status"], status)) {
    text_.key("status");
    text_.open('{');
    text_.key("phase");
    text_.text(text_member(status, "phase"));
    text_.close();
  }
  text_.close();
  add_to_register(pod, text_member(metadata, "uid"), spec);
  if (!is_gone(pod, metadata)) add_mounted(spec, text_member(metadata, "namespace"));
}

void PodsDocument::add_to_register(object pod, std::string_view uid, object spec) {
  object status;
  if (uid.empty()) return;
  PodRegister::Pod& known = register_[std::string(uid)];
  known.service_account = text_member(spec, "serviceAccountName");
  if (!is_object(pod["status"], status)) return;
  for (const char* list : {"containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"}) {
    array containers;
    if (!is_list(status[list], containers)) continue;
    for (const element item : containers) {
      object container;
      if (!is_object(item, container)) continue;
      // "containerd://<id>", and "registry.example/web@sha256:…" or, of an image that no registry has, "sha256:…".
      const auto id = text_member(container, "containerID"), image = text_member(container, "imageID");
      const auto scheme = id.find("://"), digest = image.rfind("sha256:");
      if (scheme != std::string_view::npos && digest != std::string_view::npos)
        known.image_digests.emplace(id.substr(scheme + 3), image.substr(digest));
    }
  }
}

void PodsDocument::add_mounted(object spec, std::string_view ns) {
  array volumes, sources;
  if (!is_list(spec["volumes"], volumes)) return;
  for (const element item : volumes) {
    object volume, source, inner;
    if (!is_object(item, volume)) continue;
    if (is_object(volume["configMap"], source)) want("configmaps", ns, text_member(source, "name"));
    if (is_object(volume["secret"], source)) want("secrets", ns, text_member(source, "secretName"));
    if (!is_object(volume["projected"], source) || !is_list(source["sources"], sources)) continue;
    for (const element part : sources) {
      object of;
      if (!is_object(part, of)) continue;
      if (is_object(of["configMap"], inner)) want("configmaps", ns, text_member(inner, "name"));
      if (is_object(of["secret"], inner)) want("secrets", ns, text_member(inner, "name"));
    }
  }
}

void PodsDocument::want(const char* resource, std::string_view ns, std::string_view name) {
  // No API server takes another; the name becomes part of a path.
  if (is_kubernetes_name(ns) && is_kubernetes_name(name) && mounted_.size() <= max_mounted_objects)
    mounted_.insert({resource, std::string(ns), std::string(name)});
}

Result<ObjectMark> PodsDocument::add_object(const MountedObject& wanted, std::string_view answer) {
  const std::string what = "read " + wanted.resource + "/" + wanted.name + " of the namespace " + wanted.ns;
  const bool secret = wanted.resource == "secrets";
  baseline::JsonText json;
  object top, metadata;
  if (!parse(json, answer, top, metadata)) return invalid(what, "the answer is no object of Kubernetes", fix);
  // Whoever answers with another object must not have it taken for this one.
  if (text_member(top, "kind") != (secret ? "Secret" : "ConfigMap") || text_member(metadata, "name") != wanted.name ||
      text_member(metadata, "namespace") != wanted.ns)
    return invalid(what, "the answer is another object", fix);
  text_.open('{');
  for (const auto& [name, value] : top) {
    object members;
    text_.key(name);
    if (name != "metadata" || !is_object(value, members)) {
      text_.tree(value, any_length);
      continue;
    }
    text_.open('{');
    for (const auto& [member, of] : members) {
      if (member == "managedFields" || member.empty()) continue;
      text_.key(member);
      text_.tree(of, any_length);
    }
    text_.close();
  }
  text_.close();
  return ObjectMark{version_of(metadata), ""};
}

std::string_view PodsDocument::finish() {
  text_.close();
  text_.key("metadata");
  text_.open('{');
  text_.key("resourceVersion");
  text_.text(version_);
  text_.close();
  text_.close();
  return text_.view();
}

}  // namespace plumbline::fetch
