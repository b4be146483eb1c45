#!/usr/bin/env bash
# Puts an OpenSSL that is linked to musl into the cache, once, and prints its directory: libssl-*.so.1.1, libcrypto-*.so.1.1.
# It is the one that a Python package for Alpine (musllinux) brings along: later ones have relative relocations (RELR), which
# Debian 12's musl does not know. Needs Python's package index.
set -euo pipefail
# shellcheck source=tests/harness/cached.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cached.sh"
version=2.9.9

cached_begin "musl-openssl-psycopg2-$version" complete "an OpenSSL for musl" "$@"
cached_needs python3
python3 -m pip download --quiet --no-deps --only-binary :all: --platform musllinux_1_1_x86_64 --python-version 3.11 \
  --dest . "psycopg2-binary==$version"
python3 -m zipfile -e ./*.whl all
mkdir out
mv all/psycopg2_binary.libs/lib{ssl,crypto}-*.so.1.1 out
touch out/complete
cached_keep out
