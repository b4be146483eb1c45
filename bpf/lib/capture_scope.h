/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Cgroups whose programs are left alone. The agent says which, by their paths, once for each; the TLS probes' object
 * makes the map, those of other connections take it over. */
#ifndef PLUMBLINE_BPF_CAPTURE_SCOPE_H
#define PLUMBLINE_BPF_CAPTURE_SCOPE_H

#include "bpf/lib/task.h"
#include "include/abi/capture.h"

/* Whether any cgroup is to be left alone. Where none is, nobody pays for it: the verifier leaves the rest out. */
const volatile bool has_scope = 0;

/* LRU: a cgroup that is forgotten is asked about again, when something is executed in it or makes a request. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct capture_scope);
  __type(value, __u8); /* enum capture_scope_verdict */
} scopes SEC(".maps");

static __always_inline struct capture_scope scope_of(struct task_struct* task) {
  struct capture_scope scope = {task_cgroup_id(task), task_cgroup_v1_id(task)};
  return scope;
}

static __always_inline bool is_excluded(void) {
  if (!has_scope) return 0;
  struct capture_scope scope = scope_of(bpf_get_current_task_btf());
  __u8* verdict = bpf_map_lookup_elem(&scopes, &scope);
  return verdict && *verdict == SCOPE_EXCLUDED;
}

#endif
