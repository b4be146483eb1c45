#!/usr/bin/env bash
# Puts Azure's own Python client of its DNS into the cache, once for each version, and prints the directory: DIR/bin/python has it.
# Needs Python and its package index.
#
#   build.sh          installs where needed
#   build.sh --path   installs nothing: exits 77 where it is not there
set -euo pipefail
dns_version=8.1.0
core_version=1.41.0
exec "$(dirname "${BASH_SOURCE[0]}")/../python_packages.sh" "$@" "azure-client-$dns_version-$core_version" \
  "azure-mgmt-dns==$dns_version" "azure-core==$core_version"
