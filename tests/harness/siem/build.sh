#!/usr/bin/env bash
# Unpacks real receivers of alerts from Debian's packages into the cache (installed, rsyslog and syslog-ng exclude each
# other, and each would start), and prints the directory: DIR/usr/sbin/rsyslogd, …. What it lacks here it exits 77 for.
set -euo pipefail
packages=(rsyslog rsyslog-openssl libestr0 libfastjson4 liblognorm5 syslog-ng-core libivykis0 libnet1 libwrap0
  libpcre3 libjson-c5 prometheus-alertmanager)
command -v apt-get >/dev/null || { echo "this is no Debian" >&2; exit 77; }
versions=$(apt-cache policy "${packages[@]}" | sed -n 's/^  Candidate: //p' | sha256sum | cut -c1-12)
target=${PLUMBLINE_CACHE:-$HOME/.cache/plumbline}/siem-$versions
mkdir -p "$(dirname "$target")"
exec 9>"$target.lock"
flock 9
if [ ! -e "$target/complete" ]; then
  rm -rf "$target"
  mkdir -p "$target/deb"
  (cd "$target/deb" && apt-get download "${packages[@]}" >&2) || { echo "the packages cannot be fetched" >&2; exit 77; }
  for package in "$target"/deb/*.deb; do dpkg -x "$package" "$target"; done
  touch "$target/complete"
fi
echo "$target"
