/* SPDX-License-Identifier: GPL-2.0-only
 *
 * All maps. Sizes are the defaults; the agent sets them from its config before load. All are pinned, so that a
 * restarted agent adopts them with what happened meanwhile. */
#ifndef PLUMBLINE_BPF_MAPS_H
#define PLUMBLINE_BPF_MAPS_H

#include "bpf/lib/kernel_types.h"
#include <bpf/bpf_helpers.h>
#include "bpf/lib/process_map.h"

/* Without preallocation: only user space inserts, so the hooks never allocate, and memory follows use. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 65536);
  __type(key, struct mark_key);
  __type(value, struct mark);
} marks SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 65536);
  __type(key, __u32);
  __type(value, struct mark_state);
} mark_states SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct control);
} control_map SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 256 * 1024);
} events SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct image_key);
  __type(value, struct image);
} images SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct image);
} image_scratch SEC(".maps");

static __always_inline struct control* control(void) {
  __u32 zero = 0;
  return bpf_map_lookup_elem(&control_map, &zero);
}

#endif
