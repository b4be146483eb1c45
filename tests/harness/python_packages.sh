#!/usr/bin/env bash
# Puts packages of Python's index into a virtual environment of the cache, once for each name, and prints its directory:
#
#   python_packages.sh [--path] NAME REQUIREMENT…     NAME holds the versions: moto-5.2.5
#   --path installs nothing: exits 77 where it is not there
set -euo pipefail
install=true
if [ "${1-}" = --path ]; then
  install=false
  shift
fi
name=$1
shift
cache=${PLUMBLINE_CACHE:-$HOME/.cache/plumbline}
target=$cache/$name

if [ -e "$target/complete" ]; then
  echo "$target"
  exit 0
fi
if ! $install; then
  echo "$name is not installed: tests/harness/${name%%-*}/build.sh does it" >&2
  exit 77
fi
if ! command -v python3 >/dev/null; then
  echo "$name needs Python, which is not installed" >&2
  exit 69
fi

mkdir -p "$cache"
exec 9>"$target.lock"
flock 9
if [ ! -e "$target/complete" ]; then
  rm -rf "$target"
  # A virtual environment knows its own path, so it is made where it stays.
  (python3 -m venv "$target" && "$target/bin/pip" install --quiet "$@") >&2
  touch "$target/complete"
fi
echo "$target"
