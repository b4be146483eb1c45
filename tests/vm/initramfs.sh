#!/usr/bin/env bash
# Lays out the root of a test VM.
#
#   initramfs.sh ROOT KERNEL_FOLDER SCRIPT_FOLDER [BINARY…]
#
# ROOT          new folder; becomes the initramfs (boot.sh packs it)
# KERNEL_FOLDER as printed by kernels.sh; its modules/ are taken along
# SCRIPT_FOLDER guest/: init, lib.sh and the tests (*.sh)
# BINARY        programs to take along, each as /usr/bin/NAME without debug information, with the libraries and the
#               loader that ldd names at their own paths; NAME=PATH renames
set -euo pipefail

root=$1 kernel=$2 scripts=$3
shift 3

make_tree() {
  mkdir -p "$root"/{usr/bin,usr/sbin,usr/lib,usr/lib64,proc,sys,dev,run,tmp,mnt,etc,var/lib,modules,test,images}
  ln -s usr/bin usr/sbin usr/lib usr/lib64 "$root" # merged /usr, so that the paths ldd prints hold in the guest
  ln -s /proc/self/mounts "$root/etc/mtab"
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
  printf 'passwd: files\ngroup: files\nhosts: files\n' >"$root/etc/nsswitch.conf"
  printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
}

add_busybox() {
  local applet
  cp /bin/busybox "$root/usr/bin/busybox"
  for applet in $(/bin/busybox --list | grep -vx busybox); do
    ln -sf busybox "$root/usr/bin/$applet"
  done
}

add_binary() { # PATH NAME
  local library
  # A link to busybox of the same name must not be followed.
  rm -f "$root/usr/bin/$2"
  strip -g -o "$root/usr/bin/$2" "$1" 2>/dev/null || cp -L "$1" "$root/usr/bin/$2"
  chmod 0755 "$root/usr/bin/$2"
  # A static program has none: ldd and grep then fail, rightly.
  { ldd "$1" 2>/dev/null | grep -oE '/[^ ]+' || true; } | while read -r library; do
    [[ -e $root$library ]] || { mkdir -p "$root$(dirname "$library")" && cp -L "$library" "$root$library"; }
  done
}

# An ext4 image with a populated tree: no mount, no loop device, no privilege on the host. btrfs and xfs have minimal
# sizes above 100 MB, so the guest makes theirs in sparse files.
add_ext4_image() {
  local tree
  tree=$(mktemp -d)
  mkdir -p "$tree"/{lower/etc,upper,work,plain}
  printf 'from the image\n' >"$tree/plain/from-host.conf"
  printf 'listen 80;\n' >"$tree/lower/etc/app.conf"
  mke2fs -q -F -t ext4 -I 256 -E root_owner=0:0 -d "$tree" "$root/images/ext4.img" 16M >/dev/null
  rm -rf "$tree"
}

make_tree
add_busybox
cp "$kernel"/modules/*.ko "$root/modules/"
install -m 0755 "$scripts/init" "$root/init"
cp "$scripts"/*.sh "$root/test/"
add_ext4_image
for binary in "$@"; do
  case "$binary" in
    *=*) add_binary "${binary#*=}" "${binary%%=*}" ;;
    *) add_binary "$binary" "$(basename "$binary")" ;;
  esac
done
