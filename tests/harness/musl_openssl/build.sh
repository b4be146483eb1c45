#!/usr/bin/env bash
# Puts an OpenSSL that is linked to musl into the cache, once, and prints its directory: libssl-*.so.1.1, libcrypto-*.so.1.1.
# It is the one that a Python package for Alpine (musllinux) brings along: later ones have relative relocations (RELR), which
# Debian 12's musl does not know. Needs Python's package index.
set -euo pipefail
version=2.9.9
cache=${PLUMBLINE_CACHE:-$HOME/.cache/plumbline}
target=$cache/musl-openssl-psycopg2-$version
if [ ! -e "$target/complete" ]; then
  mkdir -p "$cache"
  exec 9>"$target.lock"
  flock 9
  work=$(mktemp -d "$cache/fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  python3 -m pip download --quiet --no-deps --only-binary :all: --platform musllinux_1_1_x86_64 --python-version 3.11 \
    --dest "$work" "psycopg2-binary==$version" >&2
  mkdir "$work/libraries"
  (cd "$work/libraries" && python3 -m zipfile -e ../*.whl . && mv psycopg2_binary.libs/lib{ssl,crypto}-*.so.1.1 . && rm -rf psycopg2*)
  touch "$work/libraries/complete"
  rm -rf "$target"
  mv "$work/libraries" "$target" # a half-made folder never has the final name
fi
echo "$target"
