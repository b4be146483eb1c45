#!/usr/bin/env bash
# Builds Pulumi, its language YAML and a double of two providers (provider/main.go) from their Go modules into the cache,
# once for each version, and prints the directory: DIR/pulumi, DIR/pulumi-language-yaml, DIR/pulumi-resource-{aws,local}.
# Needs Go; takes a quarter of an hour the first time.
#
#   build.sh          builds where needed
#   build.sh --path   builds nothing: exits 77 where it is not built
set -euo pipefail

pulumi_version=3.260.0
yaml_version=1.25.0
here=$(cd "$(dirname "$0")" && pwd)
cache=${PLUMBLINE_CACHE:-$HOME/.cache/plumbline}
# The double is ours and changes with the tree.
target=$cache/pulumi-$pulumi_version-yaml-$yaml_version-$(sha256sum "$here/provider/main.go" | cut -c1-8)

if [ -x "$target/pulumi-resource-local" ]; then
  echo "$target"
  exit 0
fi
if [ "${1-}" = --path ]; then
  echo "Pulumi $pulumi_version is not built: tests/harness/pulumi/build.sh does it" >&2
  exit 77
fi
if ! command -v go >/dev/null; then
  echo "Pulumi is built with Go, which is not installed" >&2
  exit 69
fi

# Two at once would build twice, and the second mv would put its result inside the first's.
mkdir -p "$cache"
exec 9>"$target.lock"
flock 9
if [ -x "$target/pulumi-resource-local" ]; then
  echo "$target"
  exit 0
fi

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
export GOFLAGS=-mod=mod CGO_ENABLED=0

(
  mkdir "$work/cli" "$work/out" && cd "$work/cli"
  cp "$here/provider/main.go" .
  go mod init scratch
  go get "github.com/pulumi/pulumi/pkg/v3@v$pulumi_version" "github.com/pulumi/pulumi/sdk/v3@v$pulumi_version"
  go build -o "$work/out/pulumi-resource-aws" -ldflags "-s -w" .
  go build -o "$work/out/pulumi" -ldflags "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v$pulumi_version" \
    github.com/pulumi/pulumi/pkg/v3/cmd/pulumi
) >&2

(
  mkdir "$work/yaml" && cd "$work/yaml"
  go mod init scratch
  go get "github.com/pulumi/pulumi-yaml@v$yaml_version"
  # States tell the place in the program that made a resource, which is in this binary: without -trimpath, a path here.
  go build -trimpath -o "$work/out/pulumi-language-yaml" -ldflags "-s -w" github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml
) >&2

cp "$work/out/pulumi-resource-aws" "$work/out/pulumi-resource-local"
rm -rf "$target.new"
mv "$work/out" "$target.new"
mv "$target.new" "$target"
echo "$target"
