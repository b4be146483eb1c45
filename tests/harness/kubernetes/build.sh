#!/usr/bin/env bash
# Puts a real API server (Kubernetes 1.34.1), kubectl, Debian's etcd and kubelet's own volume writer (volumes.go) into the
# cache, once for each version, and prints the directory: DIR/kube-apiserver, DIR/kubectl, DIR/etcd, DIR/volumes-DIGEST,
# whose name is the second line. Needs Go and its module proxy, apt, and ten minutes or more the first time.
#
#   build.sh          builds where needed; exits 77 where that cannot be done here
#   build.sh --path   builds nothing: exits 77 where it is not there
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=1.34.1
cache=${PLUMBLINE_CACHE:-$HOME/.cache/plumbline}/kubernetes-api-$version
volumes=volumes-$(sha256sum "$here/volumes.go" | cut -c1-12)
parts=(kube-apiserver kubectl etcd "$volumes")

skip() { echo "$1" >&2; exit 77; }
missing() { # the first part that is not there; fails where all are
  local part
  for part in "${parts[@]}"; do [ -x "$cache/$part" ] || { echo "$part"; return; }; done
  return 1
}
if [ "${1-}" = --path ] && part=$(missing); then
  skip "$part of Kubernetes $version is not built: ./dev test fixtures does it"
fi

if part=$(missing); then
  mkdir -p "$cache"
  exec 9>"$cache.lock"
  flock 9
  work=$(mktemp -d)
  trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
fi
if part=$(missing) && [ "$part" != etcd ]; then
  command -v go >/dev/null || skip "go is not installed"
  export GOFLAGS=-mod=mod CGO_ENABLED=0
  (
    cd "$work"
    go mod init plumbline.example/kubernetes
    go mod edit -require "k8s.io/kubernetes@v$version"
    go mod download "k8s.io/kubernetes@v$version"
    # Its own modules are published apart, one minor version behind.
    sed -nE 's|^\s*(k8s.io/[^ ]+) => ./staging/.*|\1|p' "$(go env GOMODCACHE)/k8s.io/kubernetes@v$version/go.mod" |
      while read -r module; do go mod edit -replace "$module=$module@v0.${version#1.}"; done
    cp "$here/volumes.go" main.go
    printf '//go:build tools\n\npackage main\n\nimport (\n\t_ "k8s.io/kubernetes/cmd/kube-apiserver"\n\t_ "k8s.io/kubernetes/cmd/kubectl"\n)\n' > tools.go
    nice go mod tidy
    stamp="-s -w -X k8s.io/component-base/version.gitVersion=v$version"
    for part in kube-apiserver kubectl; do
      [ -x "$cache/$part" ] || nice go build -p 1 -trimpath -ldflags "$stamp" -o out/ "k8s.io/kubernetes/cmd/$part"
    done
    nice go build -p 1 -trimpath -o "out/$volumes" .
  ) >&2 || skip "Kubernetes $version cannot be built"
  cp "$work"/out/* "$cache"
fi
if [ ! -x "$cache/etcd" ]; then
  (cd "$work" && apt-get download -q etcd-server && dpkg -x etcd-server*.deb etcd) >&2 || skip "etcd cannot be had"
  cp "$work/etcd/usr/bin/etcd" "$cache"
fi
echo "$cache"
echo "$volumes"
