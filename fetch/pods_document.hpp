// What an API server answers about the pods of a node, put together as one text for baseline::read_kubernetes().
#pragma once

#include <compare>
#include <set>
#include <string>
#include <string_view>

#include "baseline/source/json_writer.hpp"
#include "fetch/pod_register.hpp"
#include "include/util/result.hpp"

namespace plumbline::fetch {

inline constexpr std::size_t max_node_pods = 2'000;  ///< kubelet's own limit is 110, providers go to 500
inline constexpr std::size_t max_mounted_objects = 20'000;

/// A ConfigMap or Secret that a volume of a pod names.
struct MountedObject {
  std::string resource;  ///< "configmaps" or "secrets"
  std::string ns, name;  ///< may stand in a path as they are
  auto operator<=>(const MountedObject&) const = default;
};

/// What of an object or list tells that it is another one now.
struct ObjectMark {
  std::string version;  ///< "<uid> <resourceVersion>" and, of a list, of each item
  std::string more;     ///< of a list: what `continue` is to be given, "" at its end
};

/// Reads an object, or a page of a list, of which only the metadata may be there. `what` is the error's
/// (`invalid_argument`: no answer of an API server), `items` counts a list's.
Result<ObjectMark> read_mark(const std::string& what, std::string_view answer, std::size_t& items);

/// A `v1/List` of pods and what they mount, as it is put together. Holds secrets in clear, wiped when it goes. Pods are
/// kept without managedFields, status (but for the phase) and what else changes by itself. One thread.
class PodsDocument {
 public:
  PodsDocument();
  PodsDocument(const PodsDocument&) = delete;
  PodsDocument& operator=(const PodsDocument&) = delete;

  /// A page of a PodList, as it was answered. `invalid_argument`: it is none, or too many pods or objects.
  Result<ObjectMark> add_pods(std::string_view page);
  /// What the volumes of those pods name that are not gone.
  const std::set<MountedObject>& mounted() const { return mounted_; }
  /// The pods as they are kept, until add_object() or finish().
  std::string_view pods() const { return text_.view(); }
  /// One of mounted(), as it was answered.
  Result<ObjectMark> add_object(const MountedObject& object, std::string_view answer);
  /// What those pods run as and from, once.
  PodRegister::Pods take_register() { return std::move(register_); }
  /// The whole, valid as long as this is.
  std::string_view finish();

 private:
  void add_pod(simdjson::dom::object pod);
  void add_to_register(simdjson::dom::object pod, std::string_view uid, simdjson::dom::object spec);
  void add_mounted(simdjson::dom::object spec, std::string_view ns);
  void want(const char* resource, std::string_view ns, std::string_view name);

  baseline::JsonWriter text_;
  std::set<MountedObject> mounted_;
  PodRegister::Pods register_;
  std::size_t pods_ = 0;
  std::string version_;  ///< of the list
};

}  // namespace plumbline::fetch
