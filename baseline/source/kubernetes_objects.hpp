// The objects of a text of Kubernetes: documents of YAML or JSON, lists opened, each with its names.
#pragma once

#include <simdjson.h>

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "baseline/builder.hpp"
#include "baseline/source/json_text.hpp"
#include "baseline/source/kubernetes_names.hpp"
#include "include/util/result.hpp"

namespace plumbline::baseline {

/// What a text does not say itself.
struct KubernetesText {
  std::string origin;             ///< begins errors: "/srv/shop.yaml"
  std::string address_prefix;     ///< "k8s:prod/"
  std::string default_namespace;  ///< of objects that name none; "" where that is not known
  std::string kubelet_dir = "/var/lib/kubelet";
  bool of_node = false;  ///< it is what fetch::PodsOrigin made: the pods of a node and what they mount
};

struct KubernetesObject {
  simdjson::dom::object json;
  simdjson::dom::object metadata;
  std::string_view api_version;  ///< "apps/v1"
  std::string_view group;        ///< "apps"; "" for the core's
  std::string_view version;      ///< "v1"
  std::string_view kind;
  std::string_view ns;  ///< "" outside of namespaces, or where it is not known
  std::string_view name;
  std::string_view uid;         ///< "" where it does not come from a cluster
  std::string address;          ///< "k8s:prod/apps/v1/Deployment/shop/web"
  bool superseded = false;      ///< stands again further down
  bool is_uid_refused = false;  ///< it has one that is no part of a path, as every uid is
};

/// Owns the trees; everything of the objects lives as long as it does, and is cleared with it.
class KubernetesObjects {
 public:
  /// What is no object of an API (inputs of kustomize, an object without a name) goes to `out.skip`. Errors: not YAML
  /// or JSON, not Kubernetes, nothing in it.
  static Result<KubernetesObjects> read(KubernetesText text, std::string_view bytes, Builder& out);

  const KubernetesText& text() const { return *text_; }
  const std::vector<KubernetesObject>& all() const { return objects_; }
  /// nullptr where there is none. Any version of the group.
  const KubernetesObject* find(std::string_view group, std::string_view kind, std::string_view ns,
                               std::string_view name) const;
  /// The resourceVersion of the list that the whole text is; "" where it is none, or says none.
  std::string_view list_version() const { return list_version_; }
  /// REST paths and keys by which an API call may name the object, then its uid (Resource::ids).
  std::vector<std::string> ids_of(const KubernetesObject& object) const;
  /// An object of a kind that lives in a namespace, of which the text does not say the namespace.
  bool lacks_namespace(const KubernetesObject& object) const;

 private:
  /// What a CustomResourceDefinition of the same text says.
  struct CustomKind {
    std::string_view plural;
    bool namespaced = true;
  };

  struct Entry {
    simdjson::dom::element value;
    std::string place;                     ///< "/srv/shop.yaml:12#/items/3"
    std::string_view list_api, list_kind;  ///< what a typed list says for its items
  };

  Result<void> take(const Entry& entry, Builder& out);
  void find_custom_kinds();
  void name_objects(Builder& out);
  const CustomKind* custom_kind(const KubernetesObject& object) const;
  KindScope scope_of(const KubernetesObject& object) const;

  std::unique_ptr<KubernetesText> text_;  ///< objects point into it
  std::unique_ptr<JsonText> json_;
  std::vector<KubernetesObject> objects_;
  std::string_view list_version_;
  std::unordered_map<std::string, std::size_t> by_key_;
  std::unordered_map<std::string, CustomKind> custom_;  ///< by "group/Kind"
};

/// "apps" and "v1" of "apps/v1"; "" and "v1" of "v1".
std::string_view group_of(std::string_view api_version);
std::string_view version_of(std::string_view api_version);

}  // namespace plumbline::baseline
