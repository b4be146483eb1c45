#!/usr/bin/env bash
# Runs a command beside a moto server of its own: `aws` on the PATH, its endpoint, region and (made up) credentials in the
# environment. Exits 77 where moto is not installed.
#
#   with_moto.sh COMMAND [ARGUMENT]…
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
moto=$("$here/build.sh" --path)
work=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

"$moto/bin/moto_server" -H 127.0.0.1 -p "$port" >"$work/log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; rm -rf "$work"' EXIT

export PATH=$moto/bin:$PATH HOME=$work AWS_ENDPOINT_URL=http://127.0.0.1:$port AWS_DEFAULT_REGION=eu-west-1
export AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE AWS_SECRET_ACCESS_KEY=example AWS_PAGER='' AWS_EC2_METADATA_DISABLED=true
for attempt in $(seq 100); do
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
  if [ "$attempt" = 100 ] || ! kill -0 "$server" 2>/dev/null; then
    cat "$work/log" >&2
    exit 1
  fi
  sleep 0.2
done
"$@"
