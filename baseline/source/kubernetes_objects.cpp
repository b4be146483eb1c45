#include "baseline/source/kubernetes_objects.hpp"

#include <algorithm>
#include <cstring>

#include "baseline/source/json_members.hpp"
#include "baseline/source/kubernetes_names.hpp"
#include "baseline/value/yaml_json.hpp"
#include "include/config/yaml_tree.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::size_t longest_name = 253;  // of anything in the API

/// What may stand in a REST path as one part (validation/path: no "/", no "%", not "." or ".."), and in an address.
bool is_path_part(std::string_view name) {
  return is_printable_name(name) && name.size() <= longest_name && name.find_first_of("/% ") == std::string::npos &&
         name != "." && name != "..";
}

bool is_api_version(std::string_view text) {
  const auto group = group_of(text);
  return is_path_part(version_of(text)) && (group.empty() ? text.find('/') == std::string::npos : is_path_part(group));
}

/// Files for programs that make manifests, in the clothes of an object.
std::string_view no_object_because(std::string_view group) {
  if (group == "kustomize.config.k8s.io" || group == "builtin")
    return "input of kustomize, not an object: give the output of `kustomize build`";
  if (group == "config.kubernetes.io" || group == "kubelet.config.k8s.io" || group == "kubeadm.k8s.io" ||
      group == "kubeproxy.config.k8s.io" || group == "apiserver.config.k8s.io" || group == "audit.k8s.io")
    return "a configuration file of a program, not an object of the API";
  return {};
}

}  // namespace

std::string_view group_of(std::string_view api_version) {
  const auto slash = api_version.find('/');
  return slash == std::string_view::npos ? std::string_view{} : api_version.substr(0, slash);
}

std::string_view version_of(std::string_view api_version) {
  return api_version.substr(api_version.find('/') + 1);  // npos + 1 is 0
}

Result<KubernetesObjects> KubernetesObjects::read(KubernetesText text, std::string_view bytes, Builder& out) {
  auto documents = yaml_documents(text.origin, bytes);
  if (!documents) return documents.error();
  KubernetesObjects result;
  result.text_ = std::make_unique<KubernetesText>(std::move(text));
  result.json_ = std::make_unique<JsonText>();
  // One tree for all, since a parser for each of a million documents would cost gigabytes.
  std::size_t size = 2;
  for (const auto& document : *documents) size += document.json.size() + 1;
  std::string all;
  all.reserve(size);
  all += '[';
  for (auto& document : *documents) {
    if (all.size() > 1) all += ',';
    all += document.json;
    explicit_bzero(document.json.data(), document.json.size());
  }
  all += ']';
  const std::string& origin = result.text_->origin;
  const auto top = result.json_->parse("read " + origin, all);
  explicit_bzero(all.data(), all.size());
  if (!top) return top.error();
  std::size_t i = 0;
  for (const element document : array(*top)) {
    const std::string place = origin + ":" + std::to_string((*documents)[i++].line);
    if (document.is_null()) continue;
    if (auto ok = result.take({document, place, {}, {}}, out); !ok) return ok.error();
    object list, metadata;
    if (documents->size() == 1 && document.get_object().get(list) == simdjson::SUCCESS && has_member(list, "items") &&
        is_object(list["metadata"], metadata))
      result.list_version_ = text_member(metadata, "resourceVersion");
  }
  result.find_custom_kinds();
  result.name_objects(out);
  if (result.objects_.empty() && !result.text_->of_node)
    return invalid("read " + origin, "it holds no object of Kubernetes",
                   "give manifests, or the output of `kubectl get -o yaml`");
  return result;
}

Result<void> KubernetesObjects::take(const Entry& entry, Builder& out) {
  const std::string fix = "give manifests, or the output of `kubectl get -o yaml`";
  KubernetesObject found;
  if (entry.value.get_object().get(found.json) != simdjson::SUCCESS)
    return invalid(entry.place, "not an object of Kubernetes", fix);
  found.api_version = text_member(found.json, "apiVersion");
  found.kind = text_member(found.json, "kind");
  if (found.api_version.empty()) found.api_version = entry.list_api;
  if (found.kind.empty()) found.kind = entry.list_kind;
  if (found.api_version.empty() || found.kind.empty())
    return invalid(entry.place, "apiVersion or kind is missing: not an object of Kubernetes", fix);
  if (!is_api_version(found.api_version) || !is_path_part(found.kind))
    return invalid(entry.place, "apiVersion or kind is no name that Kubernetes takes", fix);
  found.group = group_of(found.api_version);
  found.version = version_of(found.api_version);
  if (array items; found.kind.ends_with("List") && is_list(found.json["items"], items)) {
    // Items of a typed list, as the API itself gives it, say neither.
    const auto item_kind = found.kind.substr(0, found.kind.size() - 4);
    const auto item_api = item_kind.empty() ? std::string_view{} : found.api_version;
    const std::string pointer = entry.place + (entry.place.find('#') == std::string::npos ? "#" : "") + "/items/";
    std::size_t i = 0;
    for (const element item : items)
      if (auto ok = take({item, pointer + std::to_string(i++), item_api, item_kind}, out); !ok) return ok.error();
    return {};
  }
  std::string kind = text_->address_prefix;
  kind.append(found.api_version).append("/").append(found.kind);
  if (const auto why = no_object_because(found.group); !why.empty()) {
    out.skip(kind, std::string(why) + " (" + entry.place + ")");
    return {};
  }
  const char* why = "it has no metadata.name";
  if (is_object(found.json["metadata"], found.metadata)) {
    found.name = text_member(found.metadata, "name");
    found.ns = text_member(found.metadata, "namespace");
    found.uid = text_member(found.metadata, "uid");
    found.is_uid_refused = !found.uid.empty() && !is_path_part(found.uid);
    if (found.is_uid_refused) found.uid = {};
    if (has_member(found.metadata, "generateName")) why = "the server makes up its name (generateName)";
    if (!found.name.empty()) why = "its name or namespace is none that Kubernetes takes";
  }
  if (!is_path_part(found.name) || (!found.ns.empty() && !is_path_part(found.ns))) {
    out.skip(kind, std::string(why) + " (" + entry.place + ")");
    return {};
  }
  objects_.push_back(std::move(found));
  return {};
}

void KubernetesObjects::find_custom_kinds() {
  for (const KubernetesObject& definition : objects_) {
    object spec, names;
    if (definition.kind != "CustomResourceDefinition" || definition.group != "apiextensions.k8s.io") continue;
    if (!is_object(definition.json["spec"], spec) || !is_object(spec["names"], names)) continue;
    const auto plural = text_member(names, "plural");
    if (!is_path_part(plural)) continue;
    std::string key(text_member(spec, "group"));
    custom_[key.append("/").append(text_member(names, "kind"))] = {plural, text_member(spec, "scope") != "Cluster"};
  }
}

const KubernetesObjects::CustomKind* KubernetesObjects::custom_kind(const KubernetesObject& object) const {
  if (custom_.empty()) return nullptr;
  std::string key(object.group);
  const auto it = custom_.find(key.append("/").append(object.kind));
  return it == custom_.end() ? nullptr : &it->second;
}

KindScope KubernetesObjects::scope_of(const KubernetesObject& object) const {
  const auto scope = scope_of_kind(object.group, object.kind);
  if (scope != KindScope::unknown) return scope;
  const CustomKind* custom = custom_kind(object);
  return custom == nullptr ? scope : custom->namespaced ? KindScope::namespaced : KindScope::cluster;
}

void KubernetesObjects::name_objects(Builder& out) {
  for (std::size_t i = 0; i < objects_.size(); ++i) {
    KubernetesObject& object = objects_[i];
    const auto scope = scope_of(object);
    if (scope == KindScope::cluster) {
      object.ns = {};
    } else if (object.ns.empty()) {
      // ClusterIssuer, GatewayClass: what is not known to live in a namespace is called as if it did not.
      const bool cluster_like = object.kind.starts_with("Cluster") || object.kind.ends_with("Class");
      if (scope == KindScope::namespaced || !cluster_like) object.ns = text_->default_namespace;
    }
    object.address = text_->address_prefix;
    object.address.append(object.api_version).append("/").append(object.kind).append("/");
    if (!object.ns.empty()) object.address.append(object.ns).append("/");
    object.address.append(object.name);
    const auto [it, fresh] = by_key_.try_emplace(object_key(object.group, object.kind, object.ns, object.name), i);
    if (fresh) continue;
    KubernetesObject& earlier = objects_[it->second];
    earlier.superseded = true;
    out.skip(earlier.address, "it stands again further down, which is what an apply leaves");
    it->second = i;
  }
}

const KubernetesObject* KubernetesObjects::find(std::string_view group, std::string_view kind, std::string_view ns,
                                                std::string_view name) const {
  const auto it = by_key_.find(object_key(group, kind, ns, name));
  return it == by_key_.end() ? nullptr : &objects_[it->second];
}

bool KubernetesObjects::lacks_namespace(const KubernetesObject& object) const {
  return object.ns.empty() && scope_of(object) == KindScope::namespaced;
}

std::vector<std::string> KubernetesObjects::ids_of(const KubernetesObject& object) const {
  std::vector<std::string> ids;
  const CustomKind* custom = custom_kind(object);
  const std::string plural = custom != nullptr ? std::string(custom->plural) : plural_of_kind(object.kind);
  const auto path = [&](std::string_view ns) {
    ids.push_back(rest_path(object.group, object.version, plural, ns, object.name));
  };
  const bool guessed = scope_of(object) == KindScope::unknown && text_member(object.metadata, "namespace").empty();
  if (!lacks_namespace(object)) path(object.ns);
  if (guessed && !object.ns.empty()) path({});
  ids.push_back(object_key(object.group, object.kind, object.ns, object.name));
  if (guessed && !object.ns.empty()) ids.push_back(object_key(object.group, object.kind, {}, object.name));
  if (!object.uid.empty()) ids.emplace_back(object.uid);
  return ids;
}

}  // namespace plumbline::baseline
