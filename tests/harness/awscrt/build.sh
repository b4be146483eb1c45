#!/usr/bin/env bash
# Puts awscrt, AWS' common runtime whose TLS is s2n, into a virtual environment of the cache, once for each version, and prints
# the directory: DIR/bin/python has it. Needs Python and its package index.
#
#   build.sh          installs where needed
#   build.sh --path   installs nothing: exits 77 where it is not there
set -euo pipefail
awscrt_version=0.38.1
exec "$(dirname "${BASH_SOURCE[0]}")/../python_packages.sh" "$@" "awscrt-$awscrt_version" "awscrt==$awscrt_version"
