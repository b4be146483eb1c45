#!/usr/bin/env bash
# Puts py-ocsf-models, an independent model of OCSF's findings, into the cache, once for each version, and prints the
# directory: DIR/bin/python has it. Needs Python and its package index.
#
#   build.sh          installs where needed
#   build.sh --path   installs nothing: exits 77 where it is not there
set -euo pipefail
models_version=0.10.0
exec "$(dirname "${BASH_SOURCE[0]}")/../python_packages.sh" "$@" "ocsf-$models_version" "py-ocsf-models==$models_version"
