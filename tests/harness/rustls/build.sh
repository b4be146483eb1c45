#!/usr/bin/env bash
# Builds a client of rustls (src/main.rs), whose plaintext no hook takes, into the cache, once for each version, and prints the
# directory: DIR/rustls-client. Needs Cargo and its registry; takes a minute the first time.
#
#   build.sh          builds where needed
#   build.sh --path   builds nothing: exits 77 where it is not built
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/harness/cached.sh
. "$here/../cached.sh"
version=$(sed -nE 's/^rustls = .*"=([0-9.]+)".*/\1/p' "$here/Cargo.toml")

# The program is ours and changes with the tree.
cached_begin "rustls-$version-$(cat "$here/Cargo.toml" "$here/src/main.rs" | sha256sum | cut -c1-8)" rustls-client \
  "the client of rustls" "$@"
cached_needs cargo
cp -r "$here/Cargo.toml" "$here/src" .
nice cargo build --quiet --release -j 1 --target-dir target
mkdir out
cp target/release/rustls-client out
cached_keep out
