#!/usr/bin/env bash
# Puts botocore, the library that AWS' own command line serialises its requests with, into the cache, once for each version,
# and prints the directory: DIR/bin/python has it. Needs Python and its package index.
#
#   build.sh          installs where needed
#   build.sh --path   installs nothing: exits 77 where it is not there
set -euo pipefail

botocore_version=1.44.8
cache=${PLUMBLINE_CACHE:-$HOME/.cache/plumbline}
target=$cache/botocore-$botocore_version

if [ -e "$target/complete" ]; then
  echo "$target"
  exit 0
fi
if [ "${1-}" = --path ]; then
  echo "botocore $botocore_version is not installed: tests/harness/botocore/build.sh does it" >&2
  exit 77
fi
if ! command -v python3 >/dev/null; then
  echo "botocore needs Python, which is not installed" >&2
  exit 69
fi

mkdir -p "$cache"
exec 9>"$target.lock"
flock 9
if [ ! -e "$target/complete" ]; then
  rm -rf "$target"
  # A virtual environment knows its own path, so it is made where it stays.
  (python3 -m venv "$target" && "$target/bin/pip" install --quiet "botocore==$botocore_version") >&2
  touch "$target/complete"
fi
echo "$target"
