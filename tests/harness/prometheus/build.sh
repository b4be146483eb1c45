#!/usr/bin/env bash
# Unpacks Debian's Prometheus into the cache (installed, it would start), beside the kinds that the Prometheus operator gives a
# cluster, and prints the directory: DIR/usr/bin/{prometheus,promtool}, DIR/crds/*.yaml. Needs apt, Go and its module proxy; what
# it lacks here it exits 77 for.
set -euo pipefail
# shellcheck source=tests/harness/cached.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cached.sh"
operator_version=0.85.0
command -v apt-get >/dev/null || cached_skip "this is no Debian"
version=$(apt-cache policy prometheus | sed -n 's/^  Candidate: //p' | tr -c 'a-zA-Z0-9.\n' -)

cached_begin "prometheus-$version-$operator_version" usr "Prometheus" "$@"
cached_needs go dpkg
mkdir out
apt-get download prometheus
dpkg -x prometheus_*.deb out
go mod init plumbline.example/crds
module=github.com/prometheus-operator/prometheus-operator
go mod download "$module@v$operator_version"
cp -r "$(go env GOMODCACHE)/$module@v$operator_version/example/prometheus-operator-crd" out/crds
chmod -R u+w out/crds
cached_keep out
