// Pulumi's own states: what `pulumi stack export` prints, and the checkpoint files of its self-managed backends.
#pragma once

#include <string_view>

#include "baseline/source/readers.hpp"

namespace plumbline::baseline {

/// Deployments of versions 3 and 4, bare (`{"version", "deployment"}`) or in a checkpoint (`{"version",
/// "checkpoint": {"stack", "latest"}}`, a file below .pulumi/stacks of a bucket or folder). A version 4 names the
/// features that its reader must understand; one that is not known here is refused. Facts:
/// sdk/go/common/apitype/core.go, sdk/go/common/resource/{sig,asset,archive},
/// pkg/resource/stack/{checkpoint,deployment}.go of pulumi/pulumi 3.260.
///
/// - Addresses are "pulumi:<source>/<urn>". The provider is the first part of the type, by its name in other
///   sources: gcp is "google", azure and azure-native are "azurerm", aws-native is "aws".
/// - Attributes are the resource's `inputs`: what the program asked for, with the defaults that the provider put there
///   when it checked them. `outputs` are what the provider found afterwards, hence what a drift has already changed
///   after a `pulumi refresh`, and hold everything that is computed. They only give ids and places. Where `refresh`
///   also rewrote inputs, the state itself has accepted the drift, as with any tool.
/// - Secrets are fingerprinted where the export shows them (--show-secrets); in an encrypted envelope the value is not
///   known, and one line for the resource says so. Assets and archives are their hash.
/// - `ignoreChanges` becomes Resource::ignored.
/// - local:index/file:File (and sensitiveFile) is a file of the node; mode is filePermission less 022 (the umask).
/// - Left out, and counted in one line: components and providers, which are no cloud objects. Left out one by one: what
///   is external (read, not managed), waits for its deletion, or waits to be created again. Interrupted operations are
///   told, too.
/// - Revision: stack ("project/name"), time of the manifest. A deployment has no serial number of its own.
Result<void> read_pulumi(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out);

}  // namespace plumbline::baseline
