#!/usr/bin/env bash
# Puts moto (a double of AWS that keeps real state behind AWS' own API) and the AWS command line into the cache, once for
# each version, and prints the directory: DIR/bin/moto_server, DIR/bin/aws. Needs Python and its package index.
#
#   build.sh          installs where needed
#   build.sh --path   installs nothing: exits 77 where it is not there
set -euo pipefail

moto_version=5.2.5
awscli_version=1.46.3
cache=${PLUMBLINE_CACHE:-$HOME/.cache/plumbline}
target=$cache/moto-$moto_version-awscli-$awscli_version

if [ -e "$target/complete" ]; then
  echo "$target"
  exit 0
fi
if [ "${1-}" = --path ]; then
  echo "moto $moto_version is not installed: tests/harness/moto/build.sh does it" >&2
  exit 77
fi
if ! command -v python3 >/dev/null; then
  echo "moto needs Python, which is not installed" >&2
  exit 69
fi

mkdir -p "$cache"
exec 9>"$target.lock"
flock 9
if [ ! -e "$target/complete" ]; then
  rm -rf "$target"
  # A virtual environment knows its own path, so it is made where it stays.
  (python3 -m venv "$target" && "$target/bin/pip" install --quiet "moto[server]==$moto_version" "awscli==$awscli_version") >&2
  touch "$target/complete"
fi
echo "$target"
