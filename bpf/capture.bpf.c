/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Plaintext of TLS connections, from uprobes on the functions that take and give it. A uprobe belongs to an inode, so
 * every process that maps the file is seen, from its first call on; who is of no interest pays one look-up. The cookie
 * of each probe says how its function takes its arguments. Needs Linux 5.15 (cookies); one link a file with 6.6
 * (BPF_TRACE_UPROBE_MULTI). */
#include "bpf/lib/capture.h"

char LICENSE[] SEC("license") = "GPL";

/* True: its return is not to be told, as far as anybody can help it. */
static __always_inline bool call_begins(struct pt_regs* ctx, const struct call* call, __u32 direction) {
  if (call->kind == CAPTURE_GO) {
    struct goroutine_key key = goroutine_key(ctx);
    bpf_map_update_elem(&pending_of_goroutine, &key, call, BPF_ANY);
    return 0;
  }
  struct task_struct* task = bpf_get_current_task_btf();
  struct pending_calls* pending = bpf_task_storage_get(&pending_of_thread, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!pending) return 0; /* no memory: its return counts it */
  if (is_ignored(call, direction)) {
    pending->is_pending[direction] = PENDING_IGNORED;
    return 1;
  }
  pending->calls[direction] = *call;
  pending->is_pending[direction] = PENDING_CALL;
  return 0;
}

static __always_inline int call_lost(void) {
  struct capture_counters* c = counters();
  if (c) __sync_fetch_and_add(&c->entries_lost, 1);
  return 0;
}

/* The registers are those of the return, at a uretprobe as at a RET instruction. */
static __always_inline int call_returns(struct pt_regs* ctx, __u32 kind, __u32 direction) {
  struct call call;
  if (kind == CAPTURE_GO) {
    struct goroutine_key key = goroutine_key(ctx);
    struct call* entry = bpf_map_lookup_elem(&pending_of_goroutine, &key);
    if (!entry) return call_lost();
    call = *entry;
    bpf_map_delete_elem(&pending_of_goroutine, &key);
  } else {
    struct task_struct* task = bpf_get_current_task_btf();
    struct pending_calls* pending = bpf_task_storage_get(&pending_of_thread, task, 0, 0);
    __u8 is_pending = pending ? pending->is_pending[direction] : PENDING_NONE;
    if (!pending || is_pending == PENDING_NONE) return call_lost();
    pending->is_pending[direction] = PENDING_NONE;
    if (is_pending == PENDING_IGNORED) return 0;
    call = pending->calls[direction];
  }
  __s64 count = returned(ctx, &call);
  if (count <= 0 || count > call.length) return 0;
  return capture(&call, direction, count);
}

/* Told only of a connection that something was told of. */
static __always_inline int close(const struct call* call) {
  struct capture_connection_key key = connection_key(call->connection);
  struct capture_connection* state = bpf_map_lookup_elem(&connections, &key);
  if (!state) return 0;
  if (state->verdict == CAPTURE_HTTP1 || state->verdict == CAPTURE_HTTP2) {
    struct capture_record* r = bpf_ringbuf_reserve(&captured, sizeof(*r), 0);
    struct capture_counters* c = counters();
    if (r) {
      __builtin_memset(r, 0, sizeof(*r));
      fill_program(&r->actor);
      r->connection = call->connection;
      r->direction = CAPTURE_END;
      bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
    } else if (c) {
      __sync_fetch_and_add(&c->lost, 1);
    }
  }
  forget(&key);
  return 0;
}

/* One program for all places, so that a file takes two links at most: each takes some 50 ms to end. */
SEC("uprobe")
int tls_call(struct pt_regs* ctx) {
  __u64 cookie = bpf_get_attach_cookie(ctx);
  __u32 place = cookie >> 8 & 0xff;
  struct call call;
  read_call(ctx, cookie & 0xff, &call);
  if (place == CAPTURE_OPEN_RETURN) call.connection = PT_REGS_RC(ctx);
  /* Of excluded cgroups too: something may have been told of it before its cgroup was known. */
  if (place == CAPTURE_CLOSE || place == CAPTURE_OPEN_RETURN) return close(&call);
  if (place == CAPTURE_READ_RETURN || place == CAPTURE_WRITE_RETURN) {
    if (is_excluded()) return 0; /* counted at its entry, and nothing was kept */
  } else if (is_left_alone()) {
    return 0;
  }
  if (place == CAPTURE_WRITE_ALL) return call.length > 0 ? capture(&call, CAPTURE_OUT, call.length) : 0;
  __u32 direction = place == CAPTURE_READ || place == CAPTURE_READ_RETURN ? CAPTURE_IN : CAPTURE_OUT;
  if (place == CAPTURE_READ || place == CAPTURE_WRITE) {
    call_begins(ctx, &call, direction);
    return 0;
  }
  return call_returns(ctx, call.kind, direction);
}

/* For a function whose entry and return are both hooked, as a session probe (Linux 6.13): it runs at both, and where it
 * gives 1 at the entry the kernel sets no trap at the return, which is half of what ignored connections pay. Which of
 * the two it is shows where the program is; the kfunc that tells it too changes its arguments between kernels. */
SEC("uprobe")
int tls_session(struct pt_regs* ctx) {
  __u64 cookie = bpf_get_attach_cookie(ctx);
  __u32 direction = (cookie >> 8 & 0xff) == CAPTURE_READ ? CAPTURE_IN : CAPTURE_OUT;
  if (bpf_get_func_ip(ctx) != PT_REGS_IP(ctx)) {
    call_returns(ctx, cookie & 0xff, direction);
    return 0;
  }
  if (is_left_alone()) return 1;
  struct call call;
  read_call(ctx, cookie & 0xff, &call);
  return call_begins(ctx, &call, direction);
}

/* A program and the mount namespace it runs in: what was looked at once need not be looked at again. */
struct executed_key {
  struct mark_key exe;
  __u32 generation;
  __u32 mount_ns;
};
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
  __type(key, struct executed_key);
  __type(value, __u8);
} executed_before SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 256 * 1024); /* at the start each cgroup with something in it is told at once */
} executed SEC(".maps");

static __always_inline bool is_new_scope(const struct capture_scope* scope) {
  __u8 asked = SCOPE_ASKED;
  return has_scope && bpf_map_update_elem(&scopes, scope, &asked, BPF_NOEXIST) == 0;
}

static __always_inline bool tell_executed(struct task_struct* task, const struct capture_scope* scope, __u32 mount_ns,
                                          bool new_program, bool new_scope) {
  struct capture_counters* c = counters();
  struct executed_record* r = c ? bpf_ringbuf_reserve(&executed, sizeof(*r), 0) : 0;
  if (!r) {
    if (c) __sync_fetch_and_add(&c->executed_lost, 1);
    if (new_scope) bpf_map_delete_elem(&scopes, scope); /* the next execution there asks */
    return 0;
  }
  struct process_key process;
  task_process_key(task, &process);
  __builtin_memset(r, 0, sizeof(*r));
  r->scope = *scope;
  r->start_boot_ns = process.start_boot_ns;
  r->tgid = process.tgid;
  r->mount_ns = mount_ns;
  r->is_new_program = new_program;
  r->is_new_scope = new_scope;
  bpf_ringbuf_submit(r, 0);
  __sync_fetch_and_add(&c->executed, 1);
  return 1;
}

/* The backstop for files that nobody looked at before they ran, which the agent hooks while they start; and whether a
 * container or service that begins is left alone is asked here, before it says anything. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_first_exec, struct task_struct* task, int old_pid, struct linux_binprm* binprm) {
  struct executed_key key = {};
  __u8 one = 1;
  task_exe(task, &key.exe, &key.generation);
  key.mount_ns = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
  bool new_program = bpf_map_update_elem(&executed_before, &key, &one, BPF_NOEXIST) == 0;
  struct capture_counters* c = counters();
  if (new_program && c && is_served(BPF_CORE_READ(task, mm, exe_file, f_inode))) {
    __sync_fetch_and_add(&c->served_programs, 1);
    new_program = 0;
  }
  struct capture_scope scope = {};
  if (has_scope) scope = scope_of(task);
  bool new_scope = is_new_scope(&scope);
  if ((new_program || new_scope) && !tell_executed(task, &scope, key.mount_ns, new_program, new_scope) && new_program)
    bpf_map_delete_elem(&executed_before, &key); /* the next one tells */
  return 0;
}

__u64 cgroup_told_at = 0; /* boot ns; several CPUs may set it, and then tell once more than they need to */

/* A runtime makes a container's cgroups tens of milliseconds before it executes anything in them, one in each
 * hierarchy: the agent has the kernel ready to hook by then. */
SEC("tp_btf/cgroup_mkdir")
int on_cgroup(void* ctx) {
  struct capture_counters* c = counters();
  __u64 now = bpf_ktime_get_boot_ns();
  if (!c || now - cgroup_told_at < CAPTURE_CGROUP_REST_NS) return 0;
  cgroup_told_at = now;
  struct executed_record* r = bpf_ringbuf_reserve(&executed, sizeof(*r), 0);
  if (!r) {
    __sync_fetch_and_add(&c->executed_lost, 1);
    return 0;
  }
  __builtin_memset(r, 0, sizeof(*r));
  r->is_new_cgroup = 1;
  bpf_ringbuf_submit(r, 0);
  return 0;
}

/* At the agent's start: the cgroups of all that runs. */
SEC("iter/task")
int list_scopes(struct bpf_iter__task* ctx) {
  struct task_struct* task = ctx->task;
  if (!task || BPF_CORE_READ(task, pid) != BPF_CORE_READ(task, tgid)) return 0;
  struct capture_scope scope = scope_of(task);
  if (is_new_scope(&scope)) tell_executed(task, &scope, 0, 0, 1);
  return 0;
}
