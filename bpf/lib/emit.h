/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The only writer of the ring buffer; every drop is counted where it happens. */
#ifndef PLUMBLINE_BPF_EMIT_H
#define PLUMBLINE_BPF_EMIT_H

#include "bpf/lib/maps.h"

/* A lost wake-up loses nothing: the mark holds the fact, and a moved wakes_lost makes the agent sweep. */
static __always_inline void emit_wake(struct control* c, __u32 slot) {
  struct wake_event* event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
  if (!event) {
    __sync_fetch_and_add(&c->wakes_lost, 1);
    return;
  }
  event->type = EVENT_WAKE;
  event->slot = slot;
  /* By force: the default wakes a reader only where it has read everything before, and a cgroup record that woke
   * nobody may still lie in front of this one. */
  bpf_ringbuf_submit(event, BPF_RB_FORCE_WAKEUP);
  __sync_fetch_and_add(&c->wakes, 1);
}

/* A lost one makes the agent walk cgroupfs again. No wake-up of its own: the agent reads it with the next change. */
static __always_inline void emit_cgroup(struct control* c, __u64 id, __u32 v1, const char* path) {
  struct cgroup_event* event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
  if (!event) {
    __sync_fetch_and_add(&c->cgroups_lost, 1);
    return;
  }
  event->type = EVENT_CGROUP;
  event->id = id;
  event->v1 = v1;
  event->reserved = 0;
  long length = bpf_probe_read_kernel_str(event->path, sizeof(event->path), path);
  event->path_len = length > 0 ? length - 1 : 0;
  bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

#endif
