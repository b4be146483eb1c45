#!/usr/bin/env bash
# Puts packages of npm's registry into a folder of the cache, once for each name, and prints it; DIR/node_modules has them:
#
#   node_packages.sh [--path] NAME PACKAGE@VERSION…     NAME holds the versions: googleapis-178.0.0
#   --path installs nothing: exits 77 where it is not there
set -euo pipefail
install=true
if [ "${1-}" = --path ]; then
  install=false
  shift
fi
name=$1
shift
target=${PLUMBLINE_CACHE:-$HOME/.cache/plumbline}/$name

if [ -e "$target/complete" ]; then
  echo "$target"
  exit 0
fi
if ! $install; then
  echo "$name is not installed: tests/harness/${name%-*}/build.sh does it" >&2
  exit 77
fi
if ! command -v npm >/dev/null; then
  echo "$name needs Node.js and npm, which are not installed" >&2
  exit 69
fi

mkdir -p "$(dirname "$target")"
exec 9>"$target.lock"
flock 9
if [ ! -e "$target/complete" ]; then
  rm -rf "$target"
  mkdir "$target"
  # Nothing of theirs runs while it is installed.
  (cd "$target" && echo '{"private": true}' >package.json &&
    npm install --silent --no-audit --no-fund --ignore-scripts "$@") >&2
  touch "$target/complete"
fi
echo "$target"
