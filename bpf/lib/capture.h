/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The copy of plaintext, as far as the connection's verdict and the message's budget allow. */
#ifndef PLUMBLINE_BPF_CAPTURE_H
#define PLUMBLINE_BPF_CAPTURE_H

#include "bpf/lib/actor.h"
#include "bpf/lib/capture_verdict.h"

/* The agent's own connections, and those of other programs that are not to be seen. */
const volatile __u32 own_tgid = 0;

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4 * 1024 * 1024);
} captured SEC(".maps");

__u64 woken_at = 0; /* boot ns; several CPUs may set it, and then wake once more than they need to */

/* A request alone tells nothing yet, unless its like fill the ring. */
static __always_inline __u64 wake_flags(__u32 direction) {
  __u64 now = bpf_ktime_get_boot_ns();
  bool is_filling =
      bpf_ringbuf_query(&captured, BPF_RB_AVAIL_DATA) > bpf_ringbuf_query(&captured, BPF_RB_RING_SIZE) / 4;
  if ((direction != CAPTURE_IN && !is_filling) || now - woken_at < CAPTURE_REST_NS) return BPF_RB_NO_WAKEUP;
  woken_at = now;
  return BPF_RB_FORCE_WAKEUP;
}

#define FILLING_NS 1000000000ull

/* No cgroup alone fills the ring for all: where it is half full, who wrote a quarter of it within a second has its
 * records lost. */
static __noinline int may_fill(__u32 room) {
  __u64 ring = bpf_ringbuf_query(&captured, BPF_RB_RING_SIZE), unread = bpf_ringbuf_query(&captured, BPF_RB_AVAIL_DATA);
  if (unread < ring / 4) return 1;
  struct capture_growth* of_cgroup = growth();
  if (!of_cgroup) return 1;
  __u64 now = bpf_ktime_get_boot_ns();
  if (now - of_cgroup->filling_since > FILLING_NS) {
    of_cgroup->filling_since = now;
    of_cgroup->filled = 0;
  }
  if (unread > ring / 2 && of_cgroup->filled > ring / 4) return 0;
  __sync_fetch_and_add(&of_cgroup->filled, room);
  return 1;
}

/* A piece of a call: as much as a record holds. */
struct capture_piece {
  __u64 buffer;
  __u64 connection;
  __u64 offset;
  __u32 length;
  __u32 kept; /* > 0 */
  __u8 direction;
  __u8 verdict;
  __u8 kind;
  __u8 part;
};

/* Reserves a record with room for `room` bytes, a constant: the verifier wants one. */
#define COPY(room)                                                                                               \
  {                                                                                                              \
    if (!may_fill(room)) goto full;                                                                              \
    struct capture_record* r = bpf_ringbuf_reserve(&captured, sizeof(*r) + (room), 0);                           \
    if (!r) goto full;                                                                                           \
    __u64 size = piece->kept;                                                                                    \
    asm volatile("" : "+r"(size)); /* or the compiler leaves the check out, which 6.1's verifier needs to see */ \
    if (size > (room)) size = (room);                                                                            \
    if (bpf_probe_read_user(r + 1, size, (const void*)piece->buffer) != 0) {                                     \
      bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);                                                                  \
      goto unreadable;                                                                                           \
    }                                                                                                            \
    __builtin_memset(&r->actor, 0, sizeof(r->actor));                                                            \
    if (piece->direction == CAPTURE_OUT)                                                                         \
      fill_actor(&r->actor, 0);                                                                                  \
    else                                                                                                         \
      fill_program(&r->actor);                                                                                   \
    r->connection = piece->connection;                                                                           \
    r->offset = piece->offset;                                                                                   \
    r->length = piece->length;                                                                                   \
    r->kept = size;                                                                                              \
    r->direction = piece->direction;                                                                             \
    r->verdict = piece->verdict;                                                                                 \
    r->kind = piece->kind;                                                                                       \
    r->part = piece->part;                                                                                       \
    bpf_ringbuf_submit(r, wake_flags(piece->direction));                                                         \
  }

static __noinline int copy(const struct capture_piece* piece) {
  struct capture_counters* c = counters();
  if (!piece || !c) return 0;
  if (piece->kept <= 512) {
    COPY(512)
  } else if (piece->kept <= 2048) {
    COPY(2048)
  } else {
    COPY(CAPTURE_MAX_DATA)
  }
  __sync_fetch_and_add(&c->records, 1);
  return 0;
full:
  __sync_fetch_and_add(&c->lost, 1);
  return 0;
unreadable:
  __sync_fetch_and_add(&c->unreadable, 1);
  return 0;
}

/* `length` > 0. Copies what the connection's verdict and the message's budget allow. */
static __noinline int capture(const struct call* call, __u32 direction, __s64 length) {
  struct capture_counters* c = counters();
  if (!call || !c || direction > CAPTURE_IN) return 0;
  __sync_fetch_and_add(&c->calls, 1);
  struct capture_connection_key key = connection_key(call->connection);
  if (key.tgid == own_tgid) return 0;
  struct capture_connection* state = bpf_map_lookup_elem(&connections, &key);
  if (state && is_of_no_interest(state, call, direction, length)) {
    __sync_fetch_and_add(&c->ignored, 1);
    return 0;
  }
  struct first_bytes first;
  if (!read_first(call, length, &first)) {
    __sync_fetch_and_add(&c->unreadable, 1);
    return 0;
  }
  if (!state) {
    if (!may_begin()) {
      bool is_missed = 0; /* a client's request: of a server's connections, and of what is no HTTP, nothing is */
      if (direction == CAPTURE_OUT && verdict_of(first.behind, &is_missed) != CAPTURE_IGNORED && is_missed)
        __sync_fetch_and_add(&c->crowded, 1);
      return 0;
    }
    struct capture_connection fresh = {};
    bpf_map_update_elem(&connections, &key, &fresh, BPF_NOEXIST);
    state = bpf_map_lookup_elem(&connections, &key);
    if (!state) return 0;
  }
  bool is_request = 0;
  __u32 verdict = CAPTURE_NEW;
  if (state->verdict == CAPTURE_NEW || state->verdict == CAPTURE_STRANGE) {
    verdict = first_verdict(state, direction, length, &first, &is_request);
    if (verdict == CAPTURE_IGNORED) return 0;
    /* Requests that come in, answers that go out: a server's connection. Its clients elsewhere are not ours, and those
     * on this node are seen themselves. */
    if (verdict != CAPTURE_NEW && is_request == (direction == CAPTURE_IN)) {
      if (state->verdict == CAPTURE_NEW) __sync_fetch_and_add(&c->served, 1);
      state->verdict = CAPTURE_STRANGE; /* a client may have the object next */
      return 0;
    }
    state->verdict = verdict;
  } else {
    verdict = direction == CAPTURE_OUT ? judge_out(state, &first, &is_request) : verdict_of(first.word, &is_request);
  }
  /* A message that begins has its budget; a request opens the budget of its answer. */
  if (verdict == CAPTURE_HTTP1 || state->verdict == CAPTURE_HTTP2) {
    if (direction == CAPTURE_OUT && (is_request || state->verdict == CAPTURE_HTTP2))
      state->budget[CAPTURE_OUT] = CAPTURE_OUT_BUDGET;
    state->budget[CAPTURE_IN] = CAPTURE_IN_BUDGET;
  } else if (verdict == CAPTURE_NEW && direction == CAPTURE_OUT && (__s64)state->budget[CAPTURE_OUT] < length) {
    state->budget[CAPTURE_OUT] = length; /* few bytes, with which a request may begin */
  }
  __u64 offset = __sync_fetch_and_add(&state->bytes[direction & 1], length);
  __u64 budget = state->budget[direction & 1];
  struct capture_piece piece = {
      .buffer = call->buffer,
      .connection = call->connection,
      .offset = offset,
      .direction = direction,
      .verdict = state->verdict,
      .kind = call->kind,
  };
  for (int i = 0; i < CAPTURE_OUT_BUDGET / CAPTURE_MAX_DATA && length > 0; ++i) {
    piece.length = length > CAPTURE_MAX_DATA ? CAPTURE_MAX_DATA : length;
    piece.kept = piece.length > budget ? budget : piece.length;
    if (piece.kept == 0) break;
    budget -= piece.kept;
    length -= piece.length;
    piece.part = (i > 0 ? CAPTURE_CONTINUES : 0) | (length > 0 ? CAPTURE_GOES_ON : 0);
    copy(&piece);
    piece.buffer += piece.length;
    piece.offset += piece.length;
  }
  state->budget[direction & 1] = budget;
  if (length > 0) __sync_fetch_and_add(&c->over_budget, 1);
  return 0;
}

#endif
