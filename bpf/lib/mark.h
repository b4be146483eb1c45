/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The one thing that every file hook does: find the changed inode in the mark map and write "changed again, by this
 * actor" into its entry. State lives in the map, the ring buffer only wakes the agent: a full ring or a stopped agent
 * loses neither the fact nor the actor. An unmarked inode costs one missed look-up. */
#ifndef PLUMBLINE_BPF_MARK_H
#define PLUMBLINE_BPF_MARK_H

#include "bpf/lib/actor.h"
#include "bpf/lib/emit.h"

/* One process, and one program in it. */
static __always_inline int same_writer(const struct mark_actor* a, const struct mark_actor* b) {
  return a->tgid == b->tgid && a->start_boot_ns == b->start_boot_ns && a->image.tgid == b->image.tgid &&
         a->image.exec_boot_ns == b->image.exec_boot_ns;
}

/* Tracing programs may not take a bpf_spin_lock. Changes of one inode are nearly always serialised by its own lock
 * anyway; where two CPUs do meet, the second one's change is counted and only its actor is given up, and counted. */
static __noinline int mark_changed(struct mark* m, __u32 hook) {
  struct control* c = control();
  if (!m || !c) return 0;
  __u32 slot = m->slot;
  struct mark_state* state = bpf_map_lookup_elem(&mark_states, &slot);
  if (!state) return 0;
  struct mark_actor actor = {};
  fill_actor(&actor, hook);
  if (__sync_val_compare_and_swap(&m->writer, 0, 1) == 0) {
    if (state->pending == state->handled) {
      m->first = actor;
      m->handovers = 0;
    } else if (!same_writer(&actor, &m->last)) {
      m->handovers++;
    }
    m->last = actor;
    __sync_val_compare_and_swap(&m->writer, 1, 0);
  } else {
    __sync_fetch_and_add(&m->raced, 1);
    __sync_fetch_and_add(&c->actors_raced, 1);
  }
  __sync_fetch_and_add(&c->changes, 1);
  /* Only the change that makes it pending wakes; the agent looks at `pending` again after it acknowledged. */
  if (__sync_fetch_and_add(&state->pending, 1) == state->handled) emit_wake(c, slot);
  return 0;
}

static __always_inline void mark_inode(struct inode* inode, __u32 hook) {
  if (!inode) return;
  struct mark_key key;
  inode_key(inode, &key);
  struct mark* m = bpf_map_lookup_elem(&marks, &key);
  if (m) mark_changed(m, hook);
}

/* The agent's own statx(), and only in its registering thread: tells it which real inode a path stands for. */
static __always_inline void register_inode(struct inode* inode) {
  struct control* c = control();
  if (!c || !inode || (__u32)bpf_get_current_pid_tgid() != c->registrar_tid) return;
  __u32 index = c->registered;
  c->registered = index + 1;
  if (index >= PLUMBLINE_REGISTRAR_KEYS) return;
  struct registered_inode* r = &c->inodes[index & (PLUMBLINE_REGISTRAR_KEYS - 1)];
  inode_key(inode, &r->key);
  r->generation = BPF_CORE_READ(inode, i_generation);
  r->mode = BPF_CORE_READ(inode, i_mode);
}

#endif
