#!/usr/bin/env bash
# Puts botocore, the library that AWS' own command line serialises its requests with, into the cache, once for each version,
# and prints the directory: DIR/bin/python has it. Needs Python and its package index.
#
#   build.sh          installs where needed
#   build.sh --path   installs nothing: exits 77 where it is not there
set -euo pipefail
botocore_version=1.44.8
exec "$(dirname "${BASH_SOURCE[0]}")/../python_packages.sh" "$@" "botocore-$botocore_version" "botocore==$botocore_version"
