#!/bin/sh
# Every way of changing a file against the hooks that the agent chooses on this kernel, on each file system.
# shellcheck source=tests/vm/guest/lib.sh
. /test/lib.sh

mkdir -p /run/hooks
{
  plumb-hook-matrix --testprog /usr/bin/plumb-testprog /mnt/tmpfs /mnt/ext4 /mnt/overlay /mnt/btrfs /mnt/xfs 2>/run/hooks/log
  echo $? >/run/hooks/status
} | sed -e 's/^\(PASS\|FAIL\|SKIP\) /PLUMBLINE-TEST: \1 /' -e 's/^INFO /PLUMBLINE-INFO: /' | tee /run/hooks/lines
# 1 is a case that failed, with a line of its own; any other end (no tier works, a crash) leaves cases without a line.
status=$(cat /run/hooks/status)
[ "$status" = 0 ] || [ "$status" = 1 ] ||
  fail hooks.ended "with status $status: $(tail -n 2 /run/hooks/lines /run/hooks/log | tr '\n' ' ')"
# shellcheck disable=SC2016 # expanded by the inner shell
check hooks.all_file_systems "not every one has a case" sh -c \
  'for fs in tmpfs ext4 overlay btrfs xfs; do grep -q "PASS hooks.$fs.write" /run/hooks/lines || exit 1; done'
