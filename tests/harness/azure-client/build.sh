#!/usr/bin/env bash
# Puts Azure's own Python clients into the cache, once for each list of them, and prints the directory: DIR/bin/python has them. Needs
# Python and its package index.
#
#   build.sh          installs where needed
#   build.sh --path   installs nothing: exits 77 where they are not there
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
mapfile -t requirements < <(grep -v '^#' "$here/requirements.txt")
exec "$here/../python_packages.sh" "$@" "azure-client-$(sha256sum "$here/requirements.txt" | cut -c1-12)" "${requirements[@]}"
