#!/usr/bin/env bash
# Puts Google's own Python client, which has the discovery documents of all its APIs, into the cache, once for each version, with
# what lets it go through a proxy, and prints the directory: DIR/bin/python has it. Needs Python and its package index.
#
#   build.sh          installs where needed
#   build.sh --path   installs nothing: exits 77 where it is not there
set -euo pipefail
client_version=2.202.0
socks_version=1.7.1
exec "$(dirname "${BASH_SOURCE[0]}")/../python_packages.sh" "$@" "google-client-$client_version-$socks_version" \
  "google-api-python-client==$client_version" "PySocks==$socks_version"
