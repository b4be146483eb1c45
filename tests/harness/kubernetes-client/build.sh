#!/usr/bin/env bash
# Puts Kubernetes' own JavaScript client, made from its OpenAPI document, into the cache, once for each version, and prints the
# directory: DIR/node_modules has it. Needs Node.js and npm's registry.
#
#   build.sh          installs where needed
#   build.sh --path   installs nothing: exits 77 where it is not there
set -euo pipefail
client_version=1.4.0
exec "$(dirname "${BASH_SOURCE[0]}")/../node_packages.sh" "$@" "kubernetes-client-$client_version" \
  "@kubernetes/client-node@$client_version"
