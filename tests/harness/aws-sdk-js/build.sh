#!/usr/bin/env bash
# Puts a client of AWS' SDK for JavaScript (v3) into the cache, once for each version, and prints the directory:
# DIR/node_modules has it. Needs Node.js and npm's registry.
#
#   build.sh          installs where needed
#   build.sh --path   installs nothing: exits 77 where it is not there
set -euo pipefail
sdk_version=3.1164.0
exec "$(dirname "${BASH_SOURCE[0]}")/../node_packages.sh" "$@" "aws-sdk-js-$sdk_version" "@aws-sdk/client-cloudwatch@$sdk_version"
