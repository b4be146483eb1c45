#!/usr/bin/env bash
# Builds OpenTofu and its provider "local" from their Go modules into the cache, once for each version, and prints the
# directory: DIR/tofu, DIR/mirror (a provider filesystem_mirror) and DIR/tofurc (names that mirror, so that `init` asks no
# network: TF_CLI_CONFIG_FILE). Needs Go; takes some minutes the first time. 1.4.0 is the newest provider to be had so.
#
#   build.sh          builds where needed
#   build.sh --path   builds nothing: exits 77 where it is not built
set -euo pipefail

tofu_version=1.10.6
provider_version=1.4.0
cache=${PLUMBLINE_CACHE:-$HOME/.cache/plumbline}
target=$cache/tofu-$tofu_version-local-$provider_version

if [ -x "$target/tofu" ] && [ -e "$target/tofurc" ]; then
  echo "$target"
  exit 0
fi
if [ "${1-}" = --path ]; then
  echo "OpenTofu $tofu_version is not built: tests/harness/tofu/build.sh does it" >&2
  exit 77
fi
if ! command -v go >/dev/null; then
  echo "OpenTofu is built with Go, which is not installed" >&2
  exit 69
fi

# Two at once would build twice, and the second mv would put its result inside the first's.
mkdir -p "$cache"
exec 9>"$target.lock"
flock 9
if [ -x "$target/tofu" ] && [ -e "$target/tofurc" ]; then
  echo "$target"
  exit 0
fi

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
export GOFLAGS=-mod=mod CGO_ENABLED=0

(
  mkdir "$work/tofu" && cd "$work/tofu"
  go mod init scratch
  go get "github.com/opentofu/opentofu@v$tofu_version"
  # A main module's own replacements do not reach those who require it.
  source=$(go list -m -f '{{.Dir}}' github.com/opentofu/opentofu)
  go mod edit -json "$source/go.mod" |
    python3 -c 'import json, sys
for r in json.load(sys.stdin).get("Replace") or []:
    old, new = r["Old"], r["New"]
    if new.get("Version"): print(old["Path"] + "=" + new["Path"] + "@" + new["Version"])' |
    while read -r replacement; do go mod edit -replace "$replacement"; done
  go build -o "$work/out/tofu" -ldflags "-s -w -X github.com/opentofu/opentofu/version.dev=no" github.com/opentofu/opentofu/cmd/tofu
) >&2

(
  mkdir "$work/local" && cd "$work/local"
  go mod init scratch
  # The provider's module still has the name of its first home.
  go mod edit -require "github.com/terraform-providers/terraform-provider-local@v$provider_version" \
    -replace "github.com/terraform-providers/terraform-provider-local=github.com/hashicorp/terraform-provider-local@v$provider_version"
  place=$work/out/mirror/registry.opentofu.org/hashicorp/local/$provider_version/linux_$(go env GOARCH)
  mkdir -p "$place"
  go build -o "$place/terraform-provider-local_v$provider_version" github.com/terraform-providers/terraform-provider-local
) >&2

cat >"$work/out/tofurc" <<END
disable_checkpoint = true
provider_installation {
  filesystem_mirror {
    path = "$target/mirror"
  }
}
END
rm -rf "$target.new"
mv "$work/out" "$target.new"
mv "$target.new" "$target"
echo "$target"
