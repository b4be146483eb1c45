#!/usr/bin/env bash
# Lays out the root file system of the image: our programs, what they load, and nothing else.
#
#   image_root.sh ROOT BUILD_FOLDER
#
# Used by the Dockerfile, and by itself wherever there is no Docker (tar -C ROOT -c . | podman import …). There is no shell
# in it: kubelet's probes run `plumb probe`.
set -euo pipefail

root=$1 build=$2

mkdir -p "$root"/{usr/bin,usr/lib,usr/lib64,etc/ssl/certs,etc/plumbline,proc,sys,dev,run/plumbline,tmp,var/lib,var/log}
ln -sfn usr/bin "$root/bin"
ln -sfn usr/lib "$root/lib"
ln -sfn usr/lib64 "$root/lib64"
printf 'root:x:0:0:root:/:/sbin/nologin\nplumbline:x:65532:65532::/:/sbin/nologin\n' >"$root/etc/passwd"
printf 'root:x:0:\nplumbline:x:65532:\n' >"$root/etc/group"
printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"
if [[ -e /etc/ssl/certs/ca-certificates.crt ]]; then
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
fi

for program in plumbline-agent plumbline-collector plumb; do
  strip -g -o "$root/usr/bin/$program" "$build/$program"
  # The loader and each library, at the paths they were found at. vdso has no path; a static program has none at all.
  { ldd "$build/$program" | grep -oE '/[^ ]+' || true; } | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -Lu "$library" "$root$library"
  done
done
