#!/usr/bin/env bash
# Puts Google's own JavaScript client, made from its discovery documents, into the cache, once for each version, and prints the
# directory: DIR/node_modules has it. Needs Node.js and npm's registry.
#
#   build.sh          installs where needed
#   build.sh --path   installs nothing: exits 77 where it is not there
set -euo pipefail
googleapis_version=178.0.0
exec "$(dirname "${BASH_SOURCE[0]}")/../node_packages.sh" "$@" "googleapis-$googleapis_version" "googleapis@$googleapis_version"
