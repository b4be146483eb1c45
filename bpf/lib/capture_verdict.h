/* SPDX-License-Identifier: GPL-2.0-only
 *
 * What is to become of a TLS connection, by what was said on it first. */
#ifndef PLUMBLINE_BPF_CAPTURE_VERDICT_H
#define PLUMBLINE_BPF_CAPTURE_VERDICT_H

#include "bpf/lib/capture_call.h"
#include "bpf/lib/capture_scope.h"
#include "bpf/lib/http_verdict.h"

#define MOST_EMPTY 12 /* bytes of empty lines that a call may begin with */

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 32768);
  __type(key, struct capture_connection_key);
  __type(value, struct capture_connection);
} connections SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct capture_counters);
} capture_counters SEC(".maps");

static __always_inline struct capture_counters* counters(void) {
  __u32 zero = 0;
  return bpf_map_lookup_elem(&capture_counters, &zero);
}

static __always_inline struct capture_connection_key connection_key(__u64 connection) {
  struct capture_connection_key key = {};
  key.connection = connection;
  key.tgid = bpf_get_current_pid_tgid() >> 32;
  return key;
}

/* Asked before anything else: who is left alone pays one look-up a call. */
static __always_inline bool is_left_alone(void) {
  if (!is_excluded()) return 0;
  struct capture_counters* c = counters();
  if (c) __sync_fetch_and_add(&c->excluded, 1);
  return 1;
}

/* What a call begins with, and what it begins with behind empty lines, which may come before a request (RFC 9112,
 * section 2.2). */
struct first_bytes {
  __u32 word, behind;      /* up to four bytes, in their order in memory */
  __u32 size, behind_size; /* of them; less than four: the call has no more */
};

/* False: they are not there. `length` > 0. */
static __always_inline bool read_first(const struct call* call, __s64 length, struct first_bytes* first) {
  __u64 bytes[2] = {};
  __u64 size = length;
  asm volatile("" : "+r"(size)); /* as at COPY */
  if (size > sizeof(bytes)) size = sizeof(bytes);
  if (bpf_probe_read_user(bytes, size, (const void*)call->buffer) != 0) return 0;
  first->word = bytes[0];
  first->size = size > 4 ? 4 : size;
  for (__u32 i = 0; i < MOST_EMPTY && size > 0; ++i) {
    __u8 byte = bytes[0];
    if (byte != '\r' && byte != '\n') break;
    bytes[0] = bytes[0] >> 8 | bytes[1] << 56;
    bytes[1] >>= 8;
    --size;
  }
  first->behind = bytes[0];
  first->behind_size = size > 4 ? 4 : size;
  return 1;
}

/* A client may begin its request with calls of few bytes, which are judged together with what follows; but the end of a
 * body may be such a call, too, so the request may begin with any of them. NEW: more has to come. */
static __always_inline __u32 judge_out(struct capture_connection* state, const struct first_bytes* first,
                                       bool* is_request) {
  __u32 before = state->head_size & 3;
  __u64 all = (state->head & 0xffffff) | (__u64)first->word << 8 * before;
  __u32 size = before + first->size;
  __u32 verdict = first->behind_size < 4 ? CAPTURE_IGNORED : verdict_of(first->behind, is_request);
  for (__u32 i = 0; i < 4 && verdict == CAPTURE_IGNORED && i < before && i + 4 <= size; ++i)
    verdict = verdict_of(all >> 8 * i, is_request);
  state->head = 0;
  state->head_size = 0;
  if (verdict != CAPTURE_IGNORED || first->behind_size == 4) return verdict;
  if (first->size == 4) { /* empty lines, and less than a word behind them */
    all = first->behind;
    size = first->behind_size;
  }
  __u32 kept = size < 3 ? size : 3;
  state->head = (all >> 8 * (size - kept)) & 0xffffff;
  state->head_size = kept;
  return CAPTURE_NEW;
}

/* Whether nothing is to be made of a call. Of what is no HTTP so far, a request may be the next that goes out: who hid
 * it behind something else would be rid of us otherwise. */
static __always_inline bool is_of_no_interest(const struct capture_connection* state, const struct call* call,
                                              __u32 direction, __s64 length) {
  if (state->verdict != CAPTURE_STRANGE) return state->verdict == CAPTURE_IGNORED;
  struct first_bytes first;
  bool is_request = 0;
  if (direction != CAPTURE_OUT || length <= 0) return 1;
  if (state->head_size != 0 || !read_first(call, length, &first) || first.behind_size < 4) return 0;
  return verdict_of(first.behind, &is_request) == CAPTURE_IGNORED || !is_request;
}

/* Asked before a call is kept: who is of no interest pays one look-up. */
static __always_inline bool is_ignored(const struct call* call, __u32 direction) {
  struct capture_counters* c = counters();
  struct capture_connection_key key = connection_key(call->connection);
  if (!c) return 0;
  struct capture_connection* state = bpf_map_lookup_elem(&connections, &key);
  if (!state || !is_of_no_interest(state, call, direction, call->length)) return 0;
  __sync_fetch_and_add(&c->calls, 1);
  __sync_fetch_and_add(&c->ignored, 1);
  return 1;
}

#define FIRST_TRIES 8 /* a connection may be older than the probe: its next message may begin with the next call */

/* What a call says of a connection that has said nothing yet. NEW: nothing can be said before more comes. */
static __always_inline __u32 first_verdict(struct capture_connection* state, __u32 direction, __s64 length,
                                           struct first_bytes* first, bool* is_request) {
  __u32 before = state->head_size;
  /* Who reads an answer byte by byte says nothing by that. */
  if (direction == CAPTURE_IN && first->size < 4) return CAPTURE_IGNORED;
  __u32 verdict = direction == CAPTURE_OUT ? judge_out(state, first, is_request) : verdict_of(first->word, is_request);
  if (verdict != CAPTURE_IGNORED) return verdict;
  /* The agent knows of what was said in few bytes: this is missing behind it. */
  if (before != 0) __sync_fetch_and_add(&state->bytes[direction & 1], length);
  if (++state->tries >= FIRST_TRIES) state->verdict = CAPTURE_STRANGE;
  return CAPTURE_IGNORED;
}

#define GROWTH_NS 10000000000ull
#define GROWTH 1024 /* connections that a cgroup may have more than before, in that time */

/* Who makes connections without end would push out all others' of the node: nobody has more than a share. */
struct capture_growth {
  __u64 since; /* boot ns */
  __s64 count;
  __u64 filling_since; /* boot ns */
  __u64 filled;        /* bytes of the ring since then, while it filled */
};
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct capture_scope);
  __type(value, struct capture_growth);
} growths SEC(".maps");

static __always_inline struct capture_growth* growth(void) {
  struct capture_scope scope = scope_of(bpf_get_current_task_btf());
  struct capture_growth* known = bpf_map_lookup_elem(&growths, &scope);
  if (known) return known;
  struct capture_growth fresh = {};
  bpf_map_update_elem(&growths, &scope, &fresh, BPF_NOEXIST);
  return bpf_map_lookup_elem(&growths, &scope);
}

/* Several CPUs may count at once, and then allow some more. */
static __always_inline bool may_begin(void) {
  struct capture_growth* of_cgroup = growth();
  if (!of_cgroup) return 1;
  __u64 now = bpf_ktime_get_boot_ns();
  if (now - of_cgroup->since > GROWTH_NS) {
    of_cgroup->since = now;
    of_cgroup->count = 0;
  }
  if (of_cgroup->count >= GROWTH) return 0;
  __sync_fetch_and_add(&of_cgroup->count, 1);
  return 1;
}

static __always_inline void forget(const struct capture_connection_key* key) {
  struct capture_growth* of_cgroup = growth();
  /* Not below what is counted from: who lets go of many has no more than others afterwards. */
  if (bpf_map_delete_elem(&connections, key) == 0 && of_cgroup && of_cgroup->count > 0)
    __sync_fetch_and_add(&of_cgroup->count, -1);
}

#endif
