/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Files that are mapped to be executed: libraries, wherever they lie and however late a program loads them (dlopen).
 * Each is told once, so that the usual mapping costs one look-up; what is executed as a program, bpf/capture.bpf.c
 * tells. */
#include "bpf/lib/capture_scope.h"
#include "include/abi/mapped.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

#define VM_EXEC 4

/* Only here, as nobody else reads them. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct vm_area_struct {
  unsigned long vm_start;
  unsigned long vm_end;
  unsigned long vm_flags;
  struct file* vm_file;
};
struct maple_tree {
  unsigned int ma_flags;
};
struct ma_state {
  struct maple_tree* tree;
};
struct mm_struct___tree {
  struct maple_tree mm_mt;
};
#pragma clang attribute pop

/* The agent's own libraries are not to be hooked. */
const volatile __u32 own_tgid = 0;

__u32 present_round = 0; /* the agent's: see struct mapped_key */

/* LRU: what is forgotten is told again. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
  __type(key, struct mapped_key);
  __type(value, __u8);
} told SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 256 * 1024);
} mapped SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct mapped_counters);
} mapped_counters SEC(".maps");

static __always_inline int tell(const struct mapped_key* key, bool served, __u32 tgid, __u64 start, __u64 end) {
  __u32 zero = 0;
  struct mapped_counters* c = bpf_map_lookup_elem(&mapped_counters, &zero);
  if (!c) return 0;
  __u8 one = 1;
  if (bpf_map_update_elem(&told, key, &one, BPF_NOEXIST) != 0) return 0; /* another CPU does */
  if (served) {
    __sync_fetch_and_add(&c->served, 1);
    return 0;
  }
  struct mapped_record* r = bpf_ringbuf_reserve(&mapped, sizeof(*r), 0);
  if (!r) {
    __sync_fetch_and_add(&c->lost, 1);
    bpf_map_delete_elem(&told, key); /* the next one tells */
    return 0;
  }
  r->key = *key;
  r->start = start;
  r->end = end;
  r->tgid = tgid;
  r->reserved = 0;
  bpf_ringbuf_submit(r, 0);
  __sync_fetch_and_add(&c->told, 1);
  return 0;
}

/* With the lock of the process's mappings held: whoever asks for them later finds this one. */
static __always_inline int on_area(struct mm_struct* mm, struct vm_area_struct* area) {
  if (!(BPF_CORE_READ(area, vm_flags) & VM_EXEC)) return 0;
  struct inode* inode = BPF_CORE_READ(area, vm_file, f_inode);
  if (!inode || inode == BPF_CORE_READ(mm, exe_file, f_inode)) return 0;
  struct mapped_key key = {};
  inode_key(inode, &key.inode);
  key.ctime_ns = inode_ctime_ns(inode);
  key.round = present_round;
  if (bpf_map_lookup_elem(&told, &key)) return 0;
  __u32 tgid = bpf_get_current_pid_tgid() >> 32;
  if (tgid == own_tgid || is_excluded()) return 0;
  return tell(&key, is_served(inode), tgid, BPF_CORE_READ(area, vm_start), BPF_CORE_READ(area, vm_end));
}

/* Where perf is told of a mapping that is made or may be executed from now on (mmap, mprotect, execve): costs nobody
 * else anything. */
SEC("fentry/perf_event_mmap")
int BPF_PROG(on_mapped, struct vm_area_struct* area) {
  struct mm_struct* mm = bpf_get_current_task_btf()->mm;
  return mm ? on_area(mm, area) : 0;
}

/* For kernels that take no fentry programs (Linux 6.1): whatever changes in a process's mappings is written into its
 * maple tree. What is written has no type; that the tree is that of the process says that it is an area. */
SEC("tp_btf/ma_write")
int BPF_PROG(on_mappings_changed, const char* function, struct ma_state* state, unsigned long pivot, void* entry) {
  struct mm_struct* mm = bpf_get_current_task_btf()->mm;
  if (!entry || !mm) return 0;
  struct mm_struct___tree* owner = (void*)mm;
  if ((void*)state->tree != (void*)&owner->mm_mt) return 0;
  return on_area(mm, entry);
}
