// Kinds of the Kubernetes API: what their REST path is.
#pragma once

#include <string>
#include <string_view>

namespace plumbline::baseline {

enum class KindScope { namespaced, cluster, unknown };

/// Whether objects of a kind live in a namespace: known for the kinds that Kubernetes itself serves (1.34), unknown for
/// custom ones.
KindScope scope_of_kind(std::string_view group, std::string_view kind);

/// "deployments" of "Deployment". Right for every kind of Kubernetes itself, and a good guess for custom ones, whose
/// definition may say otherwise.
std::string plural_of_kind(std::string_view kind);

/// "/apis/apps/v1/namespaces/shop/deployments/web", "/api/v1/nodes/n1". `ns` is "" outside of namespaces.
std::string rest_path(std::string_view group, std::string_view version, std::string_view plural, std::string_view ns,
                      std::string_view name);

/// "apps/Deployment/shop/web", "ConfigMap/shop/conf", "Node/n1": the same for every version of a group.
std::string object_key(std::string_view group, std::string_view kind, std::string_view ns, std::string_view name);

}  // namespace plumbline::baseline
