#!/usr/bin/env bash
# Puts a root file system of Debian 12 with systemd, and with the libraries that our packages depend on, into the cache as
# root.tar, once for each list of them, and prints the directory. Needs debootstrap and a mirror of Debian; root.
#
#   build.sh PACKAGE…
set -euo pipefail
cache=${PLUMBLINE_CACHE:-$HOME/.cache/plumbline}
include=systemd,systemd-sysv,procps,$(printf '%s\n' "$@" | sort -u | paste -sd,)
target=$cache/debian-12-$(sha256sum <<<"$include" | cut -c1-12)
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
  debootstrap --variant=minbase --include="$include" bookworm "$target/system" "${mirror:-https://deb.debian.org/debian}" >"$target/log" 2>&1 || {
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
