#!/usr/bin/env bash
# Boots a kernel with an initramfs under emulation and prints the serial console.
#
#   boot.sh KERNEL INITRAMFS_DIR TIMEOUT
#
# KERNEL   a bzImage; INITRAMFS_DIR the folder whose /init runs; TIMEOUT seconds until the VM is ended (status 124).
# Emulation (TCG) on purpose: KVM is absent or unusable on many build machines. It is 10 to 50 times slower than the
# machine, so a VM proves what works, never how fast.
# thread=single: with a thread a CPU, QEMU 7.2 now and then lets one CPU run a stale breakpoint of code that the kernel is
# patching (a panic "int3" in early boot, 1 boot of 14); it is not faster either where the machine has two cores.
# PLUMBLINE_VM_MEMORY: MiB of guest memory. PLUMBLINE_VM_APPEND: more kernel parameters.
set -euo pipefail

kernel=$1 tree=$2 seconds=$3
image=$(mktemp --suffix=.cpio.gz)
trap 'rm -f "$image"' EXIT
(cd "$tree" && find . -print0 | cpio --null --create --format=newc --owner=0:0 --quiet) | gzip -1 >"$image"

# lsm=: what a distribution runs, and bpf: a list without it leaves no BPF LSM to attach to.
timeout --kill-after=5 "$seconds" qemu-system-x86_64 \
  -accel tcg,thread=single -cpu max -smp 2 -m "${PLUMBLINE_VM_MEMORY:-768}" \
  -nographic -no-reboot -nodefaults -serial stdio -monitor none \
  -kernel "$kernel" -initrd "$image" \
  -append "console=ttyS0 quiet panic=-1 lsm=landlock,lockdown,yama,apparmor,bpf ${PLUMBLINE_VM_APPEND:-}" \
  </dev/null 2>&1 | tr -d '\r'
