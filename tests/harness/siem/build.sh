#!/usr/bin/env bash
# Unpacks real receivers of alerts from Debian's packages into the cache (installed, rsyslog and syslog-ng exclude each
# other, and each would start), and prints the directory: DIR/usr/sbin/rsyslogd, …. What it lacks here it exits 77 for.
set -euo pipefail
# shellcheck source=tests/harness/cached.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cached.sh"
packages=(rsyslog rsyslog-openssl libestr0 libfastjson4 liblognorm5 syslog-ng-core libivykis0 libnet1 libwrap0
  libpcre3 libjson-c5 prometheus-alertmanager)
command -v apt-get >/dev/null || cached_skip "this is no Debian"
versions=$(apt-cache policy "${packages[@]}" | sed -n 's/^  Candidate: //p' | sha256sum | cut -c1-12)

cached_begin "siem-$versions" usr "what takes syslog and alerts" "$@"
mkdir deb out
(cd deb && apt-get download "${packages[@]}")
for package in deb/*.deb; do dpkg -x "$package" out; done
cached_keep out
