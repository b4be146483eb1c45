#!/bin/sh
# What is mapped to be executed is told, by the hook that the machine's own kernel may refuse (tests/bpf/mapped_test.cpp).
# shellcheck source=tests/vm/guest/lib.sh
. /test/lib.sh

if test_bpf_mapped >/run/mapped.log 2>&1 && grep -q 'PASSED.* 3 tests' /run/mapped.log && ! grep -q 'failed to load' /run/mapped.log; then
  pass mapped.told_by_fentry
else
  fail mapped.told_by_fentry "$(grep -E 'Failure|error|SKIPPED|libbpf' -A3 /run/mapped.log | head -n 12 | tr '\n' ' ')"
fi
