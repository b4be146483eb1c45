#!/bin/sh
# What the hooks of DNS cost whoever sends and receives by UDP (bench/dns_cost.cpp, ./dev bench dns). Passes where it could be
# measured; the figures are in the console's log.
# shellcheck source=tests/vm/guest/lib.sh
. /test/lib.sh

if bench_dns_cost 6400 9 >/run/dns_cost.json 2>/run/dns_cost.log; then
  info "dns_cost $(cat /run/dns_cost.json)"
  pass dns_cost
else
  fail dns_cost "$(tail -n 3 /run/dns_cost.log | tr '\n' ' ')"
fi
