#!/usr/bin/env bash
# Makes a tarball that runs on any distribution of Linux on this processor: programs, every library that they load and the
# loader itself, in /opt/plumbline. Nothing of the machine's own libraries is used, so their age does not matter.
#
#   tarball.sh BUILD_FOLDER OUTPUT.tar.gz
#
# Installed by: tar -C / -xzf plumbline-….tar.gz && /opt/plumbline/install
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$1 output=$(realpath -m "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/opt/plumbline
mkdir -p "$root"/{bin,lib,etc,systemd} "$(dirname "$output")"

for program in plumbline-agent plumbline-collector plumb; do
  strip -g -o "$root/bin/$program" "$build/$program"
  ldd "$build/$program" | grep -oE '/[^ ]+' | while read -r library; do cp -Lu "$library" "$root/lib/"; done
  # DT_RPATH, not DT_RUNPATH: what libraries load is found there too.
  patchelf --set-interpreter /opt/plumbline/lib/ld-linux-x86-64.so.2 --force-rpath --set-rpath /opt/plumbline/lib "$root/bin/$program"
done
for unit in agent collector; do
  sed 's|/usr/bin/plumb|/opt/plumbline/bin/plumb|g' "$top/daemonset/plumbline-$unit.service" >"$root/systemd/plumbline-$unit.service"
done
cp "$top/packaging/agent.yaml" "$top"/daemonset/config/{baseline,collector}.yaml "$root/etc/"
cp "$top/packaging/tarball/"{install,uninstall} "$root/"
cp "$top/NOTICE" "$top/CHANGELOG.md" "$root/"
tar -C "$work" --owner=0 --group=0 --numeric-owner --sort=name -czf "$output" opt/plumbline
