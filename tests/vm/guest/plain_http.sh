#!/bin/sh
# Exchanges without TLS on this kernel: its verifier takes the hooks, and what they copy is what was said
# (tests/bpf/plain_http_test.cpp, but for what takes minutes under emulation).
# shellcheck source=tests/vm/guest/lib.sh
. /test/lib.sh

if test_bpf_plain_http --gtest_filter=-*grow_beyond* >/run/plain_http.log 2>&1 && grep -q '] .*an_exchange_comes_whole.*ipv4 (' /run/plain_http.log &&
  ! grep -q SKIPPED /run/plain_http.log; then
  pass plain_http.heard
else
  fail plain_http.heard "$(grep -E 'Failure|error|SKIPPED|libbpf' -A3 /run/plain_http.log | head -n 12 | tr '\n' ' ')"
fi
