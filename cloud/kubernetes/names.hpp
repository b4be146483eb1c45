// How an object is called by whom.
#pragma once

#include <string>
#include <vector>

#include "cloud/touched.hpp"

namespace plumbline::cloud::kubernetes {

struct ObjectName {
  std::string group, version, plural, kind, ns, name;
};

/// Every form by which a baseline may know it: the REST path ("/apis/apps/v1/namespaces/shop/deployments/web"), the key
/// that is one for all versions ("apps/Deployment/shop/web"), Terraform's and Pulumi's "shop/web", and what
/// `terraform import` of a kubernetes_manifest takes. Without a name, the collection's path alone.
std::vector<std::string> ids_of(const ObjectName& object);

/// What IaC may call it, with what a call sets: a manifest's "apps/v1/Deployment", Pulumi's
/// "kubernetes:apps/v1:Deployment", Terraform's kubernetes_deployment and so on, and kubernetes_manifest. Terraform's
/// own types keep `spec` as one list, so only attributes beside it can be told.
std::vector<Candidate> candidates_of(const ObjectName& object, const std::vector<Setting>& settings);

}  // namespace plumbline::cloud::kubernetes
