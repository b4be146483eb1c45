#!/bin/sh
# Proves the VM itself: the kernel, what BPF needs of it, and the file systems that the scenarios use.
# shellcheck source=tests/vm/guest/lib.sh
. /test/lib.sh

info "kernel $(uname -r)"
# shellcheck disable=SC2016 # expanded by the inner shell
check series "another kernel than asked for" sh -c \
  'case "$(uname -r)" in "$(sed -n "s/.*plumbline\.series=\([^ ]*\).*/\1/p" /proc/cmdline)".*) ;; *) uname -r; false ;; esac'
check btf "no BTF of the kernel" test -s /sys/kernel/btf/vmlinux
check tracefs "no tracepoints" test -d /sys/kernel/tracing/events/sched/sched_process_exec
check bpffs "bpffs not mounted" grep -q ' /sys/fs/bpf bpf ' /proc/mounts
check cgroup2 "no unified hierarchy" test -r /sys/fs/cgroup/cgroup.controllers
check lsm_bpf "BPF LSM not active" grep -q bpf /sys/kernel/security/lsm
check loopback "no loopback address" sh -c 'ip -4 addr show lo | grep -q 127.0.0.1'
for fs in tmpfs ext4 overlay btrfs xfs; do
  check "mounted_$fs" "not mounted, insmod said $(tail -n 1 /run/insmod.log 2>/dev/null)" \
    grep -q " /mnt/$fs $fs " /proc/mounts
  check "writes_$fs" "cannot write and read back" sh -c "echo x >/mnt/$fs/probe && grep -qx x /mnt/$fs/probe && rm /mnt/$fs/probe"
done
check image_content "the image made on the host does not hold its file" grep -q image /mnt/ext4/plain/from-host.conf
check dynamic_binary "a dynamically linked program does not run" sh -c 'echo "{\"a\": 1}" | jq -e ".a == 1"'
