#!/bin/sh
# Every way of changing a file against the hooks that the agent chooses on this kernel, on each file system.
# shellcheck source=tests/vm/guest/lib.sh
. /test/lib.sh

mkdir -p /run/hooks
plumb-hook-matrix --testprog /usr/bin/plumb-testprog /mnt/tmpfs /mnt/ext4 /mnt/overlay /mnt/btrfs /mnt/xfs 2>/run/hooks/log |
  sed -e 's/^\(PASS\|FAIL\|SKIP\) /PLUMBLINE-TEST: \1 /' -e 's/^INFO /PLUMBLINE-INFO: /' | tee /run/hooks/lines
grep -q 'PASS hooks' /run/hooks/lines || fail hooks.tier "no tier works: $(tail -n 2 /run/hooks/lines /run/hooks/log | tr '\n' ' ')"
