#!/usr/bin/env bash
# Builds an OpenTelemetry Collector of one receiver and one exporter (main.go) into the cache, once for each version, and
# prints the directory: DIR/otelcol. Needs Go and its module proxy; takes some minutes the first time. Exits 77 without Go.
set -euo pipefail
version=v0.165.0
stable=v1.71.0
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
command -v go >/dev/null || { echo "the OpenTelemetry Collector is built with Go, which is not installed" >&2; exit 77; }
cache=${PLUMBLINE_CACHE:-$HOME/.cache/plumbline}
target=$cache/otelcol-$version-$(sha256sum "$here/main.go" | cut -c1-8)
mkdir -p "$cache"
exec 9>"$target.lock"
flock 9
if [ ! -x "$target/otelcol" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  (
    cd "$work"
    cp "$here/main.go" .
    go mod init scratch
    base=go.opentelemetry.io/collector
    go get "$base/otelcol@$version" "$base/receiver/otlpreceiver@$version" "$base/exporter/debugexporter@$version" \
      "$base/service@$version" "$base/component@$stable" "$base/confmap/provider/fileprovider@$stable"
    GOFLAGS=-mod=mod CGO_ENABLED=0 nice go build -p 1 -trimpath -ldflags "-s -w" -o out/otelcol .
    rm -rf "$target"
    mv out "$target"
  ) >&2
fi
echo "$target"
