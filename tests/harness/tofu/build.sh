#!/usr/bin/env bash
# Builds OpenTofu and its provider "local" from their Go modules into the cache, once for each version, and prints the
# directory: DIR/tofu, DIR/mirror (a provider filesystem_mirror) and DIR/tofurc (names that mirror, so that `init` asks no
# network: TF_CLI_CONFIG_FILE). Needs Go; takes some minutes the first time. 1.4.0 is the newest provider to be had so.
#
#   build.sh          builds where needed
#   build.sh --path   builds nothing: exits 77 where it is not built
set -euo pipefail
# shellcheck source=tests/harness/cached.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cached.sh"
tofu_version=1.10.6
provider_version=1.4.0

cached_begin "tofu-$tofu_version-local-$provider_version" tofurc "OpenTofu $tofu_version" "$@"
cached_needs go python3
export GOFLAGS=-mod=mod CGO_ENABLED=0
mkdir tofu local out

cd "$cached_work/tofu"
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
go build -o ../out/tofu -ldflags "-s -w -X github.com/opentofu/opentofu/version.dev=no" github.com/opentofu/opentofu/cmd/tofu

cd "$cached_work/local"
go mod init scratch
# The provider's module still has the name of its first home.
go mod edit -require "github.com/terraform-providers/terraform-provider-local@v$provider_version" \
  -replace "github.com/terraform-providers/terraform-provider-local=github.com/hashicorp/terraform-provider-local@v$provider_version"
place=$cached_work/out/mirror/registry.opentofu.org/hashicorp/local/$provider_version/linux_$(go env GOARCH)
mkdir -p "$place"
go build -o "$place/terraform-provider-local_v$provider_version" github.com/terraform-providers/terraform-provider-local

cat >"$cached_work/out/tofurc" <<END
disable_checkpoint = true
provider_installation {
  filesystem_mirror {
    path = "$cached_target/mirror"
  }
}
END
cached_keep "$cached_work/out"
