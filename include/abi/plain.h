/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * The contract between bpf/plain.bpf.c and the agent: what passes between the node's programs and a few endpoints
 * without TLS, as it lies in TCP's segments. Nothing here is pinned. */
#ifndef PLUMBLINE_ABI_PLAIN_H
#define PLUMBLINE_ABI_PLAIN_H

#include "include/abi/abi.h"

#define PLAIN_MAX_DATA 16384   /* bytes of one record; a segment that the card is to cut has up to 64 KiB */
#define PLAIN_OUT_BUDGET 65536 /* bytes of one request that are copied */
#define PLAIN_IN_BUDGET 16384  /* bytes of one answer */
#define PLAIN_MAX_ENDPOINTS 1024
#define PLAIN_PORT_WORDS (65536 / 64) /* a bit for each port */
#define PLAIN_IGNORED 1024            /* places of connections that are to be ignored, by their number modulo this */

/* Whom to listen to: the other end as the client's socket has it, before any address translation. */
struct plain_endpoint {
  __u8 address[16]; /* IPv6, or IPv4 as ::ffff:a.b.c.d */
  __u16 port;
  __u16 reserved;
};

enum plain_direction {
  PLAIN_OUT = 0, /* what the program that connected says */
  PLAIN_IN = 1,
  PLAIN_END = 2, /* of the connection: a record without data */
};

/* Payload of one segment, or a piece of it. Followed in the ring by `kept` bytes of data. */
struct plain_record {
  struct mark_actor actor; /* who connected; `hook` is 0, `at_boot_ns` is the segment's time */
  __u64 connection;        /* a number that no other connection has while the programs are loaded; from 1 */
  __u64 offset;            /* of its first byte in the direction's stream */
  struct plain_endpoint endpoint;
  __u32 length;   /* bytes of the piece */
  __u32 kept;     /* of them here */
  __u8 direction; /* enum plain_direction */
  __u8 is_next;   /* TCP has all bytes before it: what is not known of them by now never will be */
  __u8 reserved[2];
};

/* Memory-mapped, one entry. All monotonic, from the kernel side. */
struct plain_counters {
  __u64 connections; /* that began with an endpoint */
  __u64 records;     /* copied */
  __u64 lost;        /* … that found the ring full */
  __u64 unreadable;  /* segments whose headers are not understood */
  __u64 over_budget; /* not copied: enough of that message was */
  __u64 ignored;     /* segments of ignored connections */
  __u64 untracked;   /* connections that the kernel had no memory for */
};

PLUMBLINE_ABI_ASSERT(sizeof(struct plain_endpoint) == 20);
PLUMBLINE_ABI_ASSERT(sizeof(struct plain_record) == 112 + 2 * 8 + 20 + 2 * 4 + 4);

#endif
