/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Cgroups whose connections are left alone. */
#ifndef PLUMBLINE_BPF_CAPTURE_SCOPE_H
#define PLUMBLINE_BPF_CAPTURE_SCOPE_H

#include "bpf/lib/task.h"
#include "include/abi/capture.h"

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct capture_scope);
  __type(value, __u8);
} excluded SEC(".maps");

static __always_inline bool is_excluded(void) {
  struct task_struct* task = bpf_get_current_task_btf();
  struct capture_scope scope = {task_cgroup_id(task), task_cgroup_v1_id(task)};
  return bpf_map_lookup_elem(&excluded, &scope) != 0;
}

#endif
