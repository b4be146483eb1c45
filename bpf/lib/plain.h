/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The copy of segments, as far as the connection's verdict and the message's budget allow. */
#ifndef PLUMBLINE_BPF_PLAIN_H
#define PLUMBLINE_BPF_PLAIN_H

#include "bpf/lib/http_verdict.h"
#include "bpf/lib/plain_segment.h"

/* Reserves a record with room for `room` bytes, a constant: the verifier wants one. */
#define COPY(room)                                                                                                 \
  {                                                                                                                \
    struct plain_record* r = bpf_ringbuf_reserve(&plain_segments, sizeof(*r) + (room), 0);                         \
    if (!r) goto full;                                                                                             \
    __u64 last = kept - 1; /* never 0 bytes, as 6.1's verifier has to see, which forgets that a number is not 0 */ \
    asm volatile("" : "+r"(last));                                                                                 \
    if (last >= (room)) last = (room) - 1;                                                                         \
    if (bpf_skb_load_bytes(skb, segment->at, r + 1, last + 1) != 0) {                                              \
      bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);                                                                    \
      goto unreadable;                                                                                             \
    }                                                                                                              \
    __builtin_memset(r, 0, sizeof(*r));                                                                            \
    fill_record(r, socket);                                                                                        \
    r->offset = segment->offset;                                                                                   \
    r->length = length;                                                                                            \
    r->kept = last + 1;                                                                                            \
    r->direction = direction;                                                                                      \
    r->is_next = is_next;                                                                                          \
    bpf_ringbuf_submit(r, 0);                                                                                      \
  }

/* The first `length` bytes of what is left of a segment, `kept` of them with their bytes. */
static __always_inline void copy(struct __sk_buff* skb, const struct plain_socket* socket, __u32 direction,
                                 const struct segment* segment, __u32 length, __u32 kept, bool is_next) {
  struct plain_counters* c = counters();
  if (!c) return;
  if (kept <= 512) {
    COPY(512)
  } else if (kept <= 2048) {
    COPY(2048)
  } else {
    COPY(PLAIN_MAX_DATA)
  }
  __sync_fetch_and_add(&c->records, 1);
  return;
full:
  __sync_fetch_and_add(&c->lost, 1);
  return;
unreadable:
  __sync_fetch_and_add(&c->unreadable, 1);
}

/* By the first bytes of a segment: what the connection is, and how much of the message is to be copied. False: not
 * this segment. */
static __always_inline bool decide(struct __sk_buff* skb, struct plain_socket* socket, __u32 direction,
                                   const struct segment* segment) {
  __u32 first = 0;
  if (segment->length >= 4) bpf_skb_load_bytes(skb, segment->at, &first, sizeof(first));
  bool is_request = 0;
  __u32 verdict = verdict_of(first, &is_request);
  if (socket->verdict == CAPTURE_NEW) {
    /* These endpoints speak HTTP: so few bytes begin it, too. */
    if (direction == PLAIN_OUT && (segment->length < 4 || (first & 0xff) == '\r' || (first & 0xff) == '\n')) {
      verdict = CAPTURE_HTTP1;
      is_request = 1;
    }
    /* A client speaks first, in HTTP. */
    if (verdict == CAPTURE_IGNORED || is_request != (direction == PLAIN_OUT)) {
      if (++socket->tries >= 8 || direction == PLAIN_IN) socket->verdict = CAPTURE_IGNORED;
      return 0;
    }
    socket->verdict = verdict;
  }
  /* A message that begins has its budget; a request opens the budget of its answer. */
  if (verdict == CAPTURE_HTTP1 || socket->verdict == CAPTURE_HTTP2) {
    if (direction == PLAIN_OUT && (is_request || socket->verdict == CAPTURE_HTTP2))
      socket->budget[PLAIN_OUT] = PLAIN_OUT_BUDGET;
    socket->budget[PLAIN_IN] = PLAIN_IN_BUDGET;
  }
  return 1;
}

static __always_inline bool is_unwanted(struct plain_socket* socket) {
  __u32 place = socket->connection & (PLAIN_IGNORED - 1);
  __u64* ignored = bpf_map_lookup_elem(&plain_ignored, &place);
  return ignored && *ignored == socket->connection;
}

static __noinline int take_segment(struct __sk_buff* skb, struct plain_socket* socket, __u32 direction) {
  struct plain_counters* c = counters();
  struct segment segment = {};
  bool is_tcp = 0, is_next = 0;
  if (!socket || !c || direction > PLAIN_IN) return 0;
  if (!read_segment(skb, &segment, &is_tcp)) {
    if (is_tcp) __sync_fetch_and_add(&c->unreadable, 1);
    return 0;
  }
  if (segment.is_syn) ++segment.sequence; /* data may be in it, too: RFC 7413 */
  if (!knows_first(skb, socket, direction, &segment) || segment.length == 0) return 0;
  if (is_unwanted(socket)) {
    socket->verdict = CAPTURE_IGNORED;
    __sync_fetch_and_add(&c->ignored, 1);
    return 0;
  }
  if (!place(skb, socket, direction, &segment, &is_next)) return 0;
  if (!decide(skb, socket, direction, &segment)) return 0;
  for (int piece = 0; piece < PLAIN_OUT_BUDGET / PLAIN_MAX_DATA; ++piece) {
    __u32 budget = socket->budget[direction & 1];
    __u32 length = segment.length > PLAIN_MAX_DATA ? PLAIN_MAX_DATA : segment.length;
    __u32 kept = length > budget ? budget : length;
    if (kept == 0) break;
    socket->budget[direction & 1] = budget - kept;
    copy(skb, socket, direction, &segment, length, kept, is_next);
    segment.at += length;
    segment.offset += length;
    segment.length -= length;
  }
  if (segment.length > 0) __sync_fetch_and_add(&c->over_budget, 1);
  return 0;
}

#endif
