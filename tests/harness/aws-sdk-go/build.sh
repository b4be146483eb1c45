#!/usr/bin/env bash
# Builds a stripped client of AWS' SDK for Go v2 (main.go) into the cache, once for each version, and prints the directory:
# DIR/put-retention. Needs Go and its module proxy; takes a minute or two the first time.
#
#   build.sh          builds where needed
#   build.sh --path   builds nothing: exits 77 where it is not built
set -euo pipefail
config_version=1.33.18
logs_version=1.92.2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${PLUMBLINE_CACHE:-$HOME/.cache/plumbline}
# The program is ours and changes with the tree.
target=$cache/aws-sdk-go-$logs_version-$(sha256sum "$here/main.go" | cut -c1-8)

if [ -x "$target/put-retention" ]; then
  echo "$target"
  exit 0
fi
if [ "${1-}" = --path ]; then
  echo "the client of AWS' SDK for Go is not built: tests/harness/aws-sdk-go/build.sh does it" >&2
  exit 77
fi
if ! command -v go >/dev/null; then
  echo "it is built with Go, which is not installed" >&2
  exit 69
fi

mkdir -p "$cache"
exec 9>"$target.lock"
flock 9
if [ ! -x "$target/put-retention" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  (
    cd "$work"
    cp "$here/main.go" .
    go mod init scratch
    go get "github.com/aws/aws-sdk-go-v2/config@v$config_version" \
      "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs@v$logs_version"
    GOFLAGS=-mod=mod CGO_ENABLED=0 nice go build -p 1 -trimpath -ldflags "-s -w" -o out/put-retention .
  ) >&2
  rm -rf "$target"
  mv "$work/out" "$target" # a half-made folder never has the final name
fi
echo "$target"
