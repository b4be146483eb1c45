#!/usr/bin/env bash
# Builds Pulumi, its language YAML and a double of two providers (provider/main.go) from their Go modules into the cache,
# once for each version, and prints the directory: DIR/pulumi, DIR/pulumi-language-yaml, DIR/pulumi-resource-{aws,local}.
# Needs Go; takes a quarter of an hour the first time.
#
#   build.sh          builds where needed
#   build.sh --path   builds nothing: exits 77 where it is not built
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/harness/cached.sh
. "$here/../cached.sh"
pulumi_version=3.260.0
yaml_version=1.25.0

# The double is ours and changes with the tree.
cached_begin "pulumi-$pulumi_version-yaml-$yaml_version-$(sha256sum "$here/provider/main.go" | cut -c1-8)" pulumi-resource-local \
  "Pulumi $pulumi_version" "$@"
cached_needs go
export GOFLAGS=-mod=mod CGO_ENABLED=0
mkdir cli yaml out

cd "$cached_work/cli"
cp "$here/provider/main.go" .
go mod init scratch
go get "github.com/pulumi/pulumi/pkg/v3@v$pulumi_version" "github.com/pulumi/pulumi/sdk/v3@v$pulumi_version"
go build -o ../out/pulumi-resource-aws -ldflags "-s -w" .
go build -o ../out/pulumi -ldflags "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v$pulumi_version" \
  github.com/pulumi/pulumi/pkg/v3/cmd/pulumi
cp ../out/pulumi-resource-aws ../out/pulumi-resource-local

cd "$cached_work/yaml"
go mod init scratch
go get "github.com/pulumi/pulumi-yaml@v$yaml_version"
# States tell the place in the program that made a resource, which is in this binary: without -trimpath, a path here.
go build -trimpath -o ../out/pulumi-language-yaml -ldflags "-s -w" github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml

cached_keep "$cached_work/out"
