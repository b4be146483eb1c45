/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Facts of a task, copied at event time. */
#ifndef PLUMBLINE_BPF_TASK_H
#define PLUMBLINE_BPF_TASK_H

#include "bpf/lib/inode.h"

/* What an iterator of tasks is given; no task at its end. */
struct bpf_iter__task {
  void* meta;
  struct task_struct* task;
} __attribute__((preserve_access_index));

static __always_inline __u64 task_cgroup_id(struct task_struct* task) {
  return BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
}

/* Index of the pids controller among a task's or cgroup's controllers; -1 = the kernel has none. */
static __always_inline int pids_controller(void) {
  enum cgroup_subsys_id___local { pids_cgrp_id };
  if (!bpf_core_enum_value_exists(enum cgroup_subsys_id___local, pids_cgrp_id)) return -1;
  int index = bpf_core_enum_value(enum cgroup_subsys_id___local, pids_cgrp_id);
  return index < 0 || index > 15 ? -1 : index;
}

/* On a hybrid host containers may live in v1 hierarchies only; the pids controller is one that every runtime uses. */
static __always_inline __u64 task_cgroup_v1_id(struct task_struct* task) {
  int index = pids_controller();
  if (index < 0) return 0;
  struct css_set* set = BPF_CORE_READ(task, cgroups);
  struct cgroup_subsys_state* css = 0;
  bpf_core_read(&css, sizeof(css), &set->subsys[index]);
  if (BPF_CORE_READ(css, cgroup, root, hierarchy_id) == 0) return 0; /* it is on the unified hierarchy */
  return BPF_CORE_READ(css, cgroup, kn, id);
}

static __always_inline void task_exe(struct task_struct* task, struct mark_key* key, __u32* generation) {
  struct inode* inode = BPF_CORE_READ(task, mm, exe_file, f_inode);
  if (!inode) return;
  inode_key(inode, key);
  if (generation) *generation = BPF_CORE_READ(inode, i_generation);
}

static __always_inline void task_process_key(struct task_struct* task, struct process_key* key) {
  struct task_struct* leader = BPF_CORE_READ(task, group_leader);
  key->tgid = BPF_CORE_READ(task, tgid);
  key->start_boot_ns = BPF_CORE_READ(leader, start_boottime);
  key->reserved = 0;
}

#endif
