#!/bin/sh
# Answers of DNS, by hooks that the machine's own kernel may refuse (tests/bpf/dns_test.cpp).
# shellcheck source=tests/vm/guest/lib.sh
. /test/lib.sh

if test_bpf_dns >/run/dns.log 2>&1 && grep -q 'PASSED.* 6 tests' /run/dns.log; then
  pass dns.told
else
  fail dns.told "$(grep -E 'Failure|error|SKIPPED|libbpf' -A3 /run/dns.log | head -n 12 | tr '\n' ' ')"
fi
