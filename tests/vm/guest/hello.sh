#!/bin/sh
# Whom TLS clients ask for, by the hook that the machine's own kernel may refuse (tests/bpf/hello_test.cpp).
# shellcheck source=tests/vm/guest/lib.sh
. /test/lib.sh

if test_bpf_hello >/run/hello.log 2>&1 && grep -q 'PASSED.* 3 tests' /run/hello.log; then
  pass hello.told
else
  fail hello.told "$(grep -E 'Failure|error|SKIPPED|libbpf' -A3 /run/hello.log | head -n 12 | tr '\n' ' ')"
fi
