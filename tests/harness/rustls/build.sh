#!/usr/bin/env bash
# Builds a client of rustls (src/main.rs), whose plaintext no hook takes, into the cache, once for each version, and prints the
# directory: DIR/rustls-client. Needs Cargo and its registry; takes a minute the first time.
#
#   build.sh          builds where needed
#   build.sh --path   builds nothing: exits 77 where it is not built
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${PLUMBLINE_CACHE:-$HOME/.cache/plumbline}
version=$(sed -nE 's/^rustls = .*"=([0-9.]+)".*/\1/p' "$here/Cargo.toml")
# The program is ours and changes with the tree.
target=$cache/rustls-$version-$(cat "$here/Cargo.toml" "$here/src/main.rs" | sha256sum | cut -c1-8)

if [ -x "$target/rustls-client" ]; then
  echo "$target"
  exit 0
fi
if [ "${1-}" = --path ]; then
  echo "the client of rustls is not built: tests/harness/rustls/build.sh does it" >&2
  exit 77
fi
if ! command -v cargo >/dev/null; then
  echo "it is built with Cargo, which is not installed" >&2
  exit 69
fi

mkdir -p "$cache"
exec 9>"$target.lock"
flock 9
if [ ! -x "$target/rustls-client" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cp -r "$here/Cargo.toml" "$here/src" "$work"
  (cd "$work" && nice cargo build --quiet --release -j 1 --target-dir target) >&2
  mkdir "$work/out"
  cp "$work/target/release/rustls-client" "$work/out"
  rm -rf "$target"
  mv "$work/out" "$target" # a half-made folder never has the final name
fi
echo "$target"
