#!/usr/bin/env bash
# Fetches Debian's stock kernels for the VM tests.
#
#   kernels.sh SERIES        SERIES is 6.1 or 6.12; prints the folder that holds vmlinuz, config and modules/
#
# The newest package of the series that the package lists know is downloaded, unpacked and reduced to the few modules the
# tests load, into ${PLUMBLINE_CACHE:-$HOME/.cache/plumbline}/kernels/VERSION. A second call only prints. Where the
# newest cannot be had (offline, removed from the mirror), the next older or an already unpacked one is taken.
# Exit status 3 means "no kernel to be had", with the reason on stderr: the caller counts its tests as skipped.
set -euo pipefail

# In the order of need. Their dependencies, and the order in which to insert them, come from depmod.
modules=(loop ext4 overlay btrfs xfs)
cache="${PLUMBLINE_CACHE:-$HOME/.cache/plumbline}/kernels"

no_kernel() {
  echo "$1" >&2
  exit 3
}

series_pattern() {
  case "$1" in
    6.1) echo '^linux-image-(6\.1\.[0-9]+-[0-9]+-cloud-amd64)$' ;;
    6.12) echo '^linux-image-(6\.12\.[0-9]+\+deb12-cloud-amd64)$' ;;
    *)
      echo "kernels.sh: unknown kernel series '$1'; known: 6.1 6.12" >&2
      exit 64
      ;;
  esac
}

# Newest first.
known_versions() { # PATTERN
  apt-cache pkgnames linux-image-6. | sed -nE "s/$1/\1/p" | sort -rV
}

unpacked_versions() { # PATTERN
  local folder
  for folder in "$cache"/*/; do
    [[ -e $folder/complete ]] && basename "$folder"
  done | sed -E 's/^/linux-image-/' | sed -nE "s/$1/\1/p" | sort -rV
}

download() { # VERSION FOLDER
  (cd "$2" && apt-get download "linux-image-$1" >download.log 2>&1)
}

# Leaves vmlinuz, config and modules/NN-name.ko (uncompressed, numbered in insertion order) in FOLDER.
reduce() { # VERSION FOLDER
  local version=$1 folder=$2 tree=$2/tree module line number=10 file name
  dpkg -x "$folder"/linux-image-*.deb "$tree"
  depmod -b "$tree" "$version"
  mkdir -p "$folder/modules"
  for module in "${modules[@]}"; do
    while read -r line; do
      file=${line#insmod }
      name=$(basename "${file%%.ko*}")
      compgen -G "$folder/modules/*-$name.ko" >/dev/null && continue
      case "$file" in
        *.xz) xz -dc "$file" ;;
        *.zst) zstd -qdc "$file" ;;
        *) cat "$file" ;;
      esac >"$folder/modules/$((number++))-$name.ko"
    done < <(modprobe -d "$tree" -S "$version" --show-depends "$module" | sed -n 's/^insmod \([^ ]*\).*/insmod \1/p')
  done
  cp "$tree/boot/vmlinuz-$version" "$folder/vmlinuz"
  cp "$tree/boot/config-$version" "$folder/config"
  rm -rf "$tree" "$folder"/linux-image-*.deb "$folder/download.log"
}

fetch() { # VERSION
  local work
  work=$(mktemp -d "$cache/fetch.XXXXXX")
  if ! download "$1" "$work"; then
    tail -n 1 "$work/download.log" >&2
    rm -rf "$work"
    return 1
  fi
  reduce "$1" "$work"
  touch "$work/complete"
  rm -rf "${cache:?}/$1"
  mv "$work" "$cache/$1" # a half-made folder never has the final name
}

main() {
  local pattern version tried=0
  pattern=$(series_pattern "${1:-}")
  [[ $(dpkg --print-architecture 2>/dev/null) == amd64 ]] || no_kernel "Debian's amd64 kernels need an amd64 Debian host"
  mkdir -p "$cache"
  if [[ -z $(known_versions "$pattern") && $EUID == 0 ]]; then
    apt-get update >/dev/null 2>&1 || true
  fi
  for version in $(known_versions "$pattern"); do
    if [[ -e $cache/$version/complete ]] || fetch "$version"; then
      echo "$cache/$version"
      return
    fi
    ((++tried < 3)) || break
  done
  version=$(unpacked_versions "$pattern" | head -n 1)
  [[ -n $version ]] || no_kernel "no linux-image of series $1 can be downloaded and none is cached in $cache; run apt-get update"
  echo "$cache/$version"
}

main "$@"
