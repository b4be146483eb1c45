#!/usr/bin/env bash
# Puts a root file system of Debian with systemd and some packages into the cache as root.tar, once for each list of them,
# and prints the directory. Needs debootstrap and a mirror of Debian; root.
#
#   build.sh VERSION PACKAGE…      VERSION: 12 or 13
set -euo pipefail
cache=${PLUMBLINE_CACHE:-$HOME/.cache/plumbline}
version=$1
shift
case $version in
  12) name=bookworm ;;
  13) name=trixie ;;
  *) echo "build.sh: unknown version '$version'; known: 12 13" >&2 && exit 64 ;;
esac
include=$(printf '%s\n' systemd systemd-sysv procps "$@" | sort -u | paste -sd,)
target=$cache/debian-$version-$(sha256sum <<<"$include" | cut -c1-12)
mirror=$(awk '/^(deb|URIs:) .*debian/ { for (i = 2; i <= NF; i++) if ($i ~ /^https?:.*debian$|^https?:.*debian\/$/) { print $i; exit } }' \
  /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true)

mkdir -p "$cache"
exec 9>"$target.lock"
flock 9
if [[ ! -e $target/complete ]]; then
  command -v debootstrap >/dev/null || {
    echo "debootstrap is missing; it is in group package of packages.txt" >&2
    exit 77
  }
  rm -rf "$target"
  mkdir -p "$target"
  debootstrap --variant=minbase --include="$include" "$name" "$target/system" "${mirror:-https://deb.debian.org/debian}" >"$target/log" 2>&1 || {
    tail -n 3 "$target/log" >&2
    exit 69
  }
  # What only people would read.
  rm -rf "$target"/system/{var/cache/apt/archives,var/lib/apt/lists,usr/share/doc,usr/share/locale,usr/share/man}/*
  tar -C "$target/system" -cf "$target/root.tar" .
  rm -rf "$target/system"
  touch "$target/complete"
fi
echo "$target"
