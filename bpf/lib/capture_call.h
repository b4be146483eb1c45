/* SPDX-License-Identifier: GPL-2.0-only
 *
 * One call of a hooked function: its arguments by calling convention, and what it returned. */
#ifndef PLUMBLINE_BPF_CAPTURE_CALL_H
#define PLUMBLINE_BPF_CAPTURE_CALL_H

#include <linux/ptrace.h>
#include "bpf/lib/kernel_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "include/abi/capture.h"

struct call {
  __u64 connection;
  __u64 buffer;
  __u64 count; /* user address of a size_t that the call sets; 0 = it returns the count */
  __s64 length;
  __u32 kind; /* enum capture_call */
  __u32 reserved;
};

/* How much was taken or given is known at the return: until then the call is kept under the thread. A read may write
 * within (a filter of OpenSSL's), and the other way, so each direction has its own. */
struct pending_calls {
  struct call calls[2]; /* by direction */
  __u8 is_pending[2];   /* enum pending */
  __u8 reserved[6];
};
enum pending {
  PENDING_NONE = 0,
  PENDING_CALL,
  PENDING_IGNORED, /* of a connection that is of no interest: its return is nothing either */
};
struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct pending_calls);
} pending_of_thread SEC(".maps");

/* A goroutine may return on another thread. */
struct goroutine_key {
  __u64 goroutine;
  __u32 tgid;
  __u32 reserved;
};
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 8192);
  __type(key, struct goroutine_key);
  __type(value, struct call);
} pending_of_goroutine SEC(".maps");

static __always_inline void read_call(struct pt_regs* ctx, __u32 kind, struct call* call) {
  __builtin_memset(call, 0, sizeof(*call));
  call->kind = kind;
  if (call->kind == CAPTURE_GO) { /* go/src/cmd/compile/abi-internal.md: AX, BX, CX, … */
    call->connection = ctx->rax;
    call->buffer = ctx->rbx;
    call->length = ctx->rcx;
    return;
  }
  call->connection = PT_REGS_PARM1(ctx);
  call->buffer = PT_REGS_PARM2(ctx);
  call->length = PT_REGS_PARM3(ctx);
  if (call->kind == CAPTURE_C) {
    /* An int (OpenSSL) or a size_t: more than 2 GB is no call that we keep. */
    call->length = (__s32)call->length;
  } else {
    /* Each read by itself: the verifier takes no computed offset into the registers. */
    __u64 fourth = PT_REGS_PARM4(ctx), fifth = PT_REGS_PARM5(ctx);
    barrier_var(fourth);
    barrier_var(fifth);
    call->count = call->kind == CAPTURE_C_EX ? fourth : fifth;
  }
}

static __always_inline struct goroutine_key goroutine_key(struct pt_regs* ctx) {
  struct goroutine_key key = {};
  key.goroutine = ctx->r14; /* g */
  key.tgid = bpf_get_current_pid_tgid() >> 32;
  return key;
}

static __always_inline __s64 returned(struct pt_regs* ctx, const struct call* call) {
  if (call->kind == CAPTURE_GO) return ctx->rax;
  __s64 result = (__s32)PT_REGS_RC(ctx);
  if (!call->count || result <= 0) return result;
  __u64 count = 0;
  if (bpf_probe_read_user(&count, sizeof(count), (const void*)call->count) != 0) return 0;
  return count;
}

#endif
