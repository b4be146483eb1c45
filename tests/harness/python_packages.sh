#!/usr/bin/env bash
# Puts packages of Python's index into a virtual environment of the cache, once for each name, and prints its directory:
#
#   python_packages.sh [--path] NAME REQUIREMENT…     NAME holds the versions: moto-5.2.5
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
cached_needs python3
cached_in_place
python3 -m venv "$cached_target" # it knows its own path
"$cached_target/bin/pip" install --quiet "${@:2}"
cached_keep
