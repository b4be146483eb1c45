#!/bin/sh
# Executions are held until their file was looked at, on this kernel too (tests/bpf/exec_gate_test.cpp).
# shellcheck source=tests/vm/guest/lib.sh
. /test/lib.sh

if test_bpf_exec_gate >/run/exec_gate.log 2>&1 && ! grep -q SKIPPED /run/exec_gate.log; then
  pass exec_gate.holds
else
  fail exec_gate.holds "$(grep -E 'Failure|error|SKIPPED' -A3 /run/exec_gate.log | head -n 12 | tr '\n' ' ')"
fi
