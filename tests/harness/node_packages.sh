#!/usr/bin/env bash
# Puts packages of npm's registry into a folder of the cache, once for each name, and prints it; DIR/node_modules has them:
#
#   node_packages.sh [--path] NAME PACKAGE@VERSION…     NAME holds the versions: googleapis-178.0.0
#   --path installs nothing: exits 77 where it is not there
set -euo pipefail
# shellcheck source=tests/harness/cached.sh
. "$(dirname "${BASH_SOURCE[0]}")/cached.sh"
only_path=()
if [[ ${1-} == --path ]]; then
  only_path=(--path)
  shift
fi

cached_begin "$1" complete "$1" "${only_path[@]}"
cached_needs npm
cached_in_place
cd "$cached_target"
echo '{"private": true}' >package.json
# Nothing of theirs runs while it is installed.
npm install --silent --no-audit --no-fund --ignore-scripts "${@:2}"
cached_keep
