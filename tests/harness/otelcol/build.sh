#!/usr/bin/env bash
# Builds an OpenTelemetry Collector of one receiver and one exporter (main.go) into the cache, once for each version, and
# prints the directory: DIR/otelcol. Needs Go and its module proxy; takes some minutes the first time. Exits 77 without Go.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/harness/cached.sh
. "$here/../cached.sh"
version=v0.165.0
stable=v1.71.0

cached_begin "otelcol-$version-$(sha256sum "$here/main.go" | cut -c1-8)" otelcol "the OpenTelemetry Collector" "$@"
cached_needs go
cp "$here/main.go" .
go mod init scratch
base=go.opentelemetry.io/collector
go get "$base/otelcol@$version" "$base/receiver/otlpreceiver@$version" "$base/exporter/debugexporter@$version" \
  "$base/service@$version" "$base/component@$stable" "$base/confmap/provider/fileprovider@$stable"
GOFLAGS=-mod=mod CGO_ENABLED=0 nice go build -p 1 -trimpath -ldflags "-s -w" -o out/otelcol .
cached_keep out
