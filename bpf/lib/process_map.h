/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The process table, which two objects share: the file hooks' one makes and pins it, the TLS probes' one takes it over.
 */
#ifndef PLUMBLINE_BPF_PROCESS_MAP_H
#define PLUMBLINE_BPF_PROCESS_MAP_H

#include "bpf/lib/kernel_types.h"
#include <bpf/bpf_helpers.h>
#include "include/abi/abi.h"

/* LRU: a long-dead process is what may be forgotten; a living one can still be asked in /proc. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
  __type(key, struct process_key);
  __type(value, struct process);
} processes SEC(".maps");

#endif
