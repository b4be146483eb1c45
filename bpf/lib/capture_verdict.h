/* SPDX-License-Identifier: GPL-2.0-only
 *
 * What is to become of a TLS connection, by what was said on it first. */
#ifndef PLUMBLINE_BPF_CAPTURE_VERDICT_H
#define PLUMBLINE_BPF_CAPTURE_VERDICT_H

#include "bpf/lib/capture_call.h"
#include "bpf/lib/capture_scope.h"
#include "bpf/lib/http_verdict.h"

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
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

/* The first bytes of a call, up to four, in their order in memory. False: they are not there. `length` > 0. */
static __always_inline bool read_first(const struct call* call, __s64 length, __u32* first) {
  __u64 size = length;
  asm volatile("" : "+r"(size)); /* as at COPY */
  if (size > sizeof(*first)) size = sizeof(*first);
  *first = 0;
  return bpf_probe_read_user(first, size, (const void*)call->buffer) == 0;
}

/* Whether nothing is to be made of a call. Of what is no HTTP so far, a request may be the next that goes out: who hid
 * it behind something else would be rid of us otherwise. */
static __always_inline bool is_of_no_interest(const struct capture_connection* state, const struct call* call,
                                              __u32 direction, __s64 length) {
  if (state->verdict != CAPTURE_STRANGE) return state->verdict == CAPTURE_IGNORED;
  __u32 first = 0;
  bool is_request = 0;
  if (direction != CAPTURE_OUT || length < 4 || !read_first(call, length, &first)) return 1;
  return verdict_of(first, &is_request) == CAPTURE_IGNORED || !is_request;
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

/* What the first bytes of a call say of a connection that has said nothing yet. A client may begin its request with
 * calls of few bytes: they are copied, as a part of what the next one is judged by (NEW: nothing can be said yet). */
static __always_inline __u32 first_verdict(struct capture_connection* state, __u32 direction, __s64 length, __u32 first,
                                           bool* is_request) {
  if (direction == CAPTURE_OUT) {
    __u32 before = state->head_size & 3;
    __u32 word = state->head | first << 8 * before;
    if (before + length < 4) {
      state->head = word;
      state->head_size = before + length;
      state->budget[CAPTURE_OUT] = 4;
      return CAPTURE_NEW;
    }
    *is_request = 1;
    if (begins_with_empty_line(word)) return CAPTURE_HTTP1;
    first = word;
  }
  __u32 verdict = verdict_of(first, is_request);
  if (verdict != CAPTURE_IGNORED) return verdict;
  if (state->head_size != 0) { /* of which the agent knows: this is missing behind it */
    __sync_fetch_and_add(&state->bytes[direction & 1], length);
    if (direction == CAPTURE_OUT) state->head = state->head_size = 0;
  }
  if (++state->tries >= FIRST_TRIES) state->verdict = CAPTURE_STRANGE;
  return CAPTURE_IGNORED;
}

#endif
