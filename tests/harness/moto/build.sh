#!/usr/bin/env bash
# Puts moto (a double of AWS that keeps real state behind AWS' own API) and the AWS command line into the cache, once for
# each version, and prints the directory: DIR/bin/moto_server, DIR/bin/aws. Needs Python and its package index.
#
#   build.sh          installs where needed
#   build.sh --path   installs nothing: exits 77 where it is not there
set -euo pipefail
moto_version=5.2.5
awscli_version=1.46.3
exec "$(dirname "${BASH_SOURCE[0]}")/../python_packages.sh" "$@" "moto-$moto_version-awscli-$awscli_version" \
  "moto[server]==$moto_version" "awscli==$awscli_version"
