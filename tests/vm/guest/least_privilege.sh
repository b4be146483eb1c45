#!/bin/sh
# The hooks load, attach and fire with no more than the capabilities that the DaemonSet and the service grant, and with those of the
# task definition of ECS (the runner reads them from both). Triggers that need other capabilities fail by themselves and prove nothing here.
# shellcheck source=tests/vm/guest/lib.sh
. /test/lib.sh

granted=$(sed -n 's/.*plumbline\.caps=\([^ ]*\).*/\1/p' /proc/cmdline)
of_ecs=$(sed -n 's/.*plumbline\.caps_ecs=\([^ ]*\).*/\1/p' /proc/cmdline)
matrix() { # CAPABILITIES…
  # By its path: busybox prefers its own, lesser setpriv.
  /usr/bin/setpriv --bounding-set="-all,$1" --inh-caps=-all --no-new-privs \
    plumb-hook-matrix --testprog /usr/bin/plumb-testprog /mnt/ext4 /mnt/overlay
}

enough() { # CAPABILITIES PREFIX
  matrix "$1" >/run/granted.log 2>&1
  info "with $1: $(head -n 1 /run/granted.log) … $(tail -n 1 /run/granted.log)"
  for fs in ext4 overlay; do
    for trigger in write replace chmod unlink mmap io_uring_sqpoll; do
      check "least_privilege.$2$fs.$trigger" "not seen with $1 alone, but: $(grep -E "$fs.$trigger:|^SKIP hooks:" /run/granted.log)" \
        grep -qx "PASS hooks.$fs.$trigger" /run/granted.log
    done
  done
}
enough "$granted" ""
enough "$of_ecs" ecs.

# The set is not larger than it must be: without CAP_BPF nothing loads, without CAP_PERFMON nothing attaches.
for without in +bpf +perfmon; do
  rest=$(echo "$granted" | tr ',' '\n' | grep -vxF -- "$without" | tr '\n' ',' | sed 's/,$//')
  matrix "$rest" >/run/rest.log 2>&1
  check "least_privilege.needs_${without#+}" "the hooks work without it: take it out of the manifest" \
    grep -q '^SKIP hooks: ' /run/rest.log
done
