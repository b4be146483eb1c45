#!/usr/bin/env bash
# Lays out the root file system of an image: programs, what they load, and nothing else.
#
#   image_root.sh ROOT BUILD_FOLDER agent|agent-root|collector
#
# The agent's have plumb, as plumb-node: kubelet's probes run it, there is no shell, and the clouds' tables that plumb has besides are
# the agent's own already. The collector's probes are asked by HTTPS. `agent` has the capabilities that the chart
# grants as file capabilities too, since Kubernetes gives a user that is not root none; a container without them cannot even
# start it, so `agent-root`, for who grants others, has none. Run as root, for these. Used by the Dockerfile and make_images.sh.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$1 build=$2 image=$3

case $image in
  agent | agent-root) programs=(plumbline-agent plumb-node) ;;
  collector) programs=(plumbline-collector) ;;
  *) echo "no image is called '$image'" >&2; exit 64 ;;
esac

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

# What libpq wants of LDAP, without LDAP (no_ldap.c), under the name and the version that Debian 12's has.
stubs=$(mktemp -d)
trap 'rm -rf "$stubs"' EXIT
ldap=libldap-2.5.so.0
printf 'OPENLDAP_2.5 { *; };\n' >"$stubs/version"
cc -O2 -shared -fPIC -nostdlib -Wl,-soname,$ldap -Wl,--version-script="$stubs/version" -o "$stubs/$ldap" "$here/no_ldap.c"

for file in "${programs[@]}"; do
  strip -o "$root/usr/bin/${file%-node}" "$build/$file"
  # The loader and each library, at the paths they were found at. vdso has no path; a static program has none at all.
  { LD_LIBRARY_PATH=$stubs ldd "$build/$file" | grep -oE '/[^ ]+' || true; } | while read -r library; do
    place=$root${library/#"$stubs"//usr/lib/$(cc -print-multiarch)}
    mkdir -p "$(dirname "$place")"
    cp -Lu "$library" "$place"
  done
done

if [[ $image == agent ]]; then
  setcap "$(awk '{ printf "%scap_%s", (NR > 1 ? "," : ""), tolower($1) }' "$here/chart/capabilities")+ep" "$root/usr/bin/plumbline-agent"
fi
