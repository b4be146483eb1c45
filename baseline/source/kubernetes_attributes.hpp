// From an object of Kubernetes to the attributes of a resource. Whoever compares a live object does it with the same.
#pragma once

#include <simdjson.h>

#include <cstddef>
#include <string_view>
#include <vector>

#include "baseline/resource.hpp"
#include "baseline/source/kubernetes_objects.hpp"
#include "baseline/source/left_out.hpp"
#include "baseline/value/fingerprint.hpp"
#include "include/util/result.hpp"

namespace plumbline::baseline {

/// What the work on one source may still cost, in bytes of paths and items looked at, so that no text costs more than
/// in proportion to its size. Real sources take a tenth of it.
struct WorkBudget {
  explicit WorkBudget(std::size_t source_size) : left(64 * source_size + (std::size_t{1} << 20)) {}
  bool spend(std::size_t amount) {
    if (amount > left) return false;
    left -= amount;
    return true;
  }
  std::size_t left;
};

/// Appends the attributes of an object, flattened. Beyond append_attributes() (value/attributes.hpp):
/// - apiVersion and kind are the type, not attributes; status and what the server adds to metadata are left out;
/// - lists of objects are flattened: by their merge key (kubernetes_lists.hpp) where they have one,
///   `spec.template.spec.containers[name=web].image`, by place otherwise, `spec.ingress[0].ports[1].port`; beside them,
///   `spec.template.spec.containers[]` holds all keys, `spec.ingress[]` the number of items, but where the cluster
///   itself adds some. Other lists are one value and keep their order;
/// - Secret: `data.<key>` of both data (decoded) and stringData, fingerprints of canonical_text() of the bytes, never
/// shown;
/// - `value` beside a `name` that sounds secret, arguments such as --password=…, and texts with such a line are secret;
/// - quantities are written as the API server does (kubernetes_quantity.hpp);
/// - {} is a value ("emptyDir"), but where it is the same as not to say anything ("resources");
/// - the schema of a custom resource is one value;
/// - what SOPS encrypted, and an Argo CD tracking id of another object, go to `left_out`.
/// An error where the budget is spent; `place` begins it.
Result<void> append_kubernetes_attributes(const KubernetesObject& object, const Fingerprinter& fingerprints,
                                          WorkBudget& budget, const std::string& place, std::vector<Attribute>& out,
                                          LeftOut& left_out);

/// Whether a text of this name is secret by its name, its look, or a line in it such as "password = x".
bool holds_secret(std::string_view name, std::string_view text);

/// The error of a spent budget.
Error too_much_work(const std::string& place);

/// Whether an Argo CD tracking id ("app:group/Kind:namespace/name") names this object; ids are copied with the objects.
bool is_tracked_as(const KubernetesObject& object, std::string_view tracking_id);

inline constexpr std::string_view tracking_annotation = "argocd.argoproj.io/tracking-id";

}  // namespace plumbline::baseline
