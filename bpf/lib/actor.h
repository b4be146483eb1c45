/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Who acts, copied in the moment of the act. */
#ifndef PLUMBLINE_BPF_ACTOR_H
#define PLUMBLINE_BPF_ACTOR_H

#include "bpf/lib/process_map.h"
#include "bpf/lib/task.h"

static __always_inline void fill_actor(struct mark_actor* actor, __u32 hook) {
  struct task_struct* task = bpf_get_current_task_btf();
  actor->at_boot_ns = bpf_ktime_get_boot_ns();
  actor->start_boot_ns = BPF_CORE_READ(task, group_leader, start_boottime);
  actor->cgroup_id = task_cgroup_id(task);
  actor->cgroup_v1_id = task_cgroup_v1_id(task);
  task_exe(task, &actor->exe, 0);
  struct process_key key;
  task_process_key(task, &key);
  struct process* known = bpf_map_lookup_elem(&processes, &key);
  if (known) actor->image = known->image;
  actor->tgid = BPF_CORE_READ(task, tgid);
  actor->tid = BPF_CORE_READ(task, pid);
  actor->uid = BPF_CORE_READ(task, real_cred, uid.val);
  actor->login_uid = BPF_CORE_READ(task, loginuid.val);
  actor->mount_ns = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
  actor->hook = hook;
  bpf_get_current_comm(actor->comm, sizeof(actor->comm));
}

/* No more than tells one program from another, and when. */
static __always_inline void fill_program(struct mark_actor* actor) {
  struct task_struct* task = bpf_get_current_task_btf();
  struct process_key key;
  task_process_key(task, &key);
  actor->at_boot_ns = bpf_ktime_get_boot_ns();
  actor->start_boot_ns = key.start_boot_ns;
  actor->tgid = key.tgid;
  struct process* known = bpf_map_lookup_elem(&processes, &key);
  if (known) actor->image = known->image;
}

#endif
