#!/usr/bin/env bash
# Builds OpenTofu and the provider hashicorp/local from their Go modules, for tests and fixtures that want a state
# written by the real tool. Usage: build.sh [--path]. Prints the directory, which then holds
#   tofu        the binary
#   mirror/     a filesystem mirror with the one provider, so that `tofu init` asks no network
#   tofurc      a CLI configuration that names that mirror (TF_CLI_CONFIG_FILE)
# --path prints the directory without building and fails with 77 where it is not complete. Idempotent; about four
# minutes the first time on two cores. Provider 1.4.0 is the newest that the public Go modules hold.
set -euo pipefail

tofu_version=1.10.6
local_version=1.4.0
cache=${PLUMBLINE_CACHE:-${HOME:?set HOME or PLUMBLINE_CACHE}/.cache/plumbline}
out=$cache/tofu-$tofu_version
complete=$out/complete-local-$local_version

if [[ ${1-} == --path ]]; then
  [[ -e $complete ]] || { echo "OpenTofu $tofu_version is not built: run tests/harness/tofu/build.sh" >&2; exit 77; }
  echo "$out"
  exit
fi
command -v go >/dev/null || { echo "go is not installed: install the Go toolchain to build OpenTofu" >&2; exit 77; }

mkdir -p "$out"
exec 9>"$out/lock"
flock 9
if [[ -e $complete ]]; then
  echo "$out"
  exit
fi
work=$(mktemp -d "$out/build.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Replaced modules do not travel with a dependency: take over the replace lines of the tool's own go.mod.
mkdir "$work/tofu"
cd "$work/tofu"
go mod init scratch/tofu >&2
source_dir=$(go mod download -json "github.com/opentofu/opentofu@v$tofu_version" | sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p')
[[ -d $source_dir ]] || { echo "the Go module of OpenTofu $tofu_version could not be downloaded" >&2; exit 1; }
{
  grep -E '^(go|toolchain) ' "$source_dir/go.mod" || true
  grep -E '^(replace )?.*[^ ] => [^ ]+ v' "$source_dir/go.mod" | sed -E 's/^(replace )?[[:space:]]*/replace /' || true
} >"$work/extra"
{
  echo 'module scratch/tofu'
  cat "$work/extra"
  echo "require github.com/opentofu/opentofu v$tofu_version"
} >go.mod
cat >tools.go <<'GO'
//go:build tools

package tools

import _ "github.com/opentofu/opentofu/cmd/tofu"
GO
# The tool's own sums pin what it was released with.
cp "$source_dir/go.sum" go.sum
chmod u+w go.sum
go mod tidy >&2
go build -trimpath -ldflags '-s -w -X github.com/opentofu/opentofu/version.dev=no' -o "$work/tofu.bin" \
  github.com/opentofu/opentofu/cmd/tofu >&2

# The provider's module path is an older one than the address it is published under today.
mkdir "$work/local"
cd "$work/local"
cat >go.mod <<EOM
module scratch/local
go 1.21
require github.com/terraform-providers/terraform-provider-local v$local_version
replace github.com/terraform-providers/terraform-provider-local => github.com/hashicorp/terraform-provider-local v$local_version
EOM
cat >tools.go <<'GO'
//go:build tools

package tools

import _ "github.com/terraform-providers/terraform-provider-local"
GO
go mod tidy >&2
platform=$(go env GOOS)_$(go env GOARCH)
mirror=$out/mirror/registry.opentofu.org/hashicorp/local/$local_version/$platform
mkdir -p "$mirror"
go build -trimpath -ldflags '-s -w' -o "$mirror/terraform-provider-local_v${local_version}_x4" \
  github.com/terraform-providers/terraform-provider-local >&2

cat >"$out/tofurc" <<EOM
disable_checkpoint = true
provider_installation {
  filesystem_mirror {
    path = "$out/mirror"
  }
}
EOM
mv "$work/tofu.bin" "$out/tofu"
"$out/tofu" version >&2
touch "$complete"
echo "$out"
