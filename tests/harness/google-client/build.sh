#!/usr/bin/env bash
# Puts Google's own Python client, which has the discovery documents of all its APIs, into the cache, once for each version, and
# prints the directory: DIR/bin/python has it. Needs Python and its package index.
#
#   build.sh          installs where needed
#   build.sh --path   installs nothing: exits 77 where it is not there
set -euo pipefail
client_version=2.202.0
exec "$(dirname "${BASH_SOURCE[0]}")/../python_packages.sh" "$@" "google-client-$client_version" \
  "google-api-python-client==$client_version"
