#!/usr/bin/env bash
# Puts a real Kubernetes (1.34.1: control plane, kubelet, kube-proxy, kubectl), CoreDNS, Helm, Debian's etcd and containerd, and
# kubelet's own volume writer (volumes.go) into the cache, once for each version, and prints the directory, which has them by
# these names; the volume writer is DIR/volumes. Needs Go and its module proxy, apt, and ten minutes or more the first time.
#
#   build.sh          builds where needed; exits 77 where that cannot be done here
#   build.sh --path   builds nothing: exits 77 where it is not there
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/harness/cached.sh
. "$here/../cached.sh"
version=1.34.1
helm_version=3.18.6
coredns_version=1.12.4
programs=(kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl)

# Our own programs change with the tree.
cached_begin "kubernetes-$version-$(cat "$here"/*.go "$here/build.sh" | sha256sum | cut -c1-8)" volumes "Kubernetes $version" "$@"
cached_needs go apt-get dpkg
export GOFLAGS=-mod=mod CGO_ENABLED=0
mkdir out

go_program() { nice go build -p 2 -trimpath -ldflags "-s -w $1" -o "$cached_work/out/" "${@:2}"; } # LDFLAGS PACKAGE…

kubernetes() {
  mkdir kubernetes && cd kubernetes
  go mod init plumbline.example/volumes
  go mod edit -require "k8s.io/kubernetes@v$version"
  go mod download "k8s.io/kubernetes@v$version"
  # Its own modules are published apart, one minor version behind.
  sed -nE 's|^\s*(k8s.io/[^ ]+) => ./staging/.*|\1|p' "$(go env GOMODCACHE)/k8s.io/kubernetes@v$version/go.mod" |
    while read -r module; do go mod edit -replace "$module=$module@v0.${version#1.}"; done
  cp "$here/volumes.go" .
  {
    printf '//go:build tools\n\npackage main\n\nimport (\n'
    printf '\t_ "k8s.io/kubernetes/cmd/%s"\n' "${programs[@]}"
    echo ')'
  } >tools.go
  nice go mod tidy
  go_program "-X k8s.io/component-base/version.gitVersion=v$version" "${programs[@]/#/k8s.io/kubernetes/cmd/}"
  go_program "" . # named after the module
}

coredns() { # with what a cluster's names need, and nothing else
  mkdir coredns && cd coredns
  go mod init plumbline.example/coredns
  cp "$here/coredns/main.go" .
  go get "github.com/coredns/coredns@v$coredns_version"
  nice go mod tidy
  go_program "" .
}

helm() { GOBIN=$PWD/out nice go install -trimpath -ldflags "-s -w" "helm.sh/helm/v3/cmd/helm@v$helm_version"; }

debian() {
  mkdir debian && cd debian
  apt-get download -q etcd-server containerd
  local package
  for package in *.deb; do dpkg -x "$package" root; done
  cp root/usr/bin/{etcd,containerd,containerd-shim-runc-v2,ctr} "$cached_work/out"
}

for part in kubernetes coredns helm debian; do ("$part"); done
cached_keep out
