// Helm releases, as Helm keeps them in the cluster.
#pragma once

#include <string_view>

#include "baseline/source/readers.hpp"

namespace plumbline::baseline {

/// Reads the records of Helm 3 and 4 (helm.sh/helm/v3 3.18, pkg/storage/driver/{secrets,cfgmaps,util}.go,
/// pkg/release/release.go): Secrets of type helm.sh/release.v1, or ConfigMaps labelled owner=helm, one or a list, in
/// YAML or JSON (`kubectl get secrets -A -l owner=helm -o yaml`). `data.release` is base64 (of the API) of base64 of
/// gzip of JSON; a ConfigMap's lacks the outer base64.
///
/// - Of each release, the highest version with the status "deployed" counts; all other records are skipped, each with
///   its status.
/// - Its `manifest` is read as kubernetes.hpp tells, with addresses
///   `helm:<source>/<release namespace>/<release>/<apiVersion>/<Kind>/<namespace>/<name>`; objects without a namespace
///   are in the release's. Hooks are not part of it: they exist only while Helm runs them.
/// - Chart values are not kept: they may hold secrets.
/// - Revision: the version by the release's name; by "<namespace>/<release>" where several releases share a name;
///   beside it "<name> since", when the release was first deployed: versions count from 1 again after an uninstall.
/// - A record that cannot be read is skipped with the reason.
/// Errors: not YAML or JSON, no record of Helm, no release that could be taken.
Result<void> read_helm(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out);

}  // namespace plumbline::baseline
