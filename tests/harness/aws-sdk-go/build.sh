#!/usr/bin/env bash
# Builds a stripped client of AWS' SDK for Go v2 (main.go) into the cache, once for each version, and prints the directory:
# DIR/put-retention. Needs Go and its module proxy; takes a minute or two the first time.
#
#   build.sh          builds where needed
#   build.sh --path   builds nothing: exits 77 where it is not built
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/harness/cached.sh
. "$here/../cached.sh"
config_version=1.33.18
logs_version=1.92.2

# The program is ours and changes with the tree.
cached_begin "aws-sdk-go-$logs_version-$(sha256sum "$here/main.go" | cut -c1-8)" put-retention "the client of AWS' SDK for Go" "$@"
cached_needs go
cp "$here/main.go" .
go mod init scratch
go get "github.com/aws/aws-sdk-go-v2/config@v$config_version" "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs@v$logs_version"
GOFLAGS=-mod=mod CGO_ENABLED=0 nice go build -p 1 -trimpath -ldflags "-s -w" -o out/put-retention .
cached_keep out
