/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * The contract between bpf/hello.bpf.c and the agent: the first message of TLS connections, which names in clear whom a
 * program wants to talk to. Nothing here is pinned. */
#ifndef PLUMBLINE_ABI_HELLO_H
#define PLUMBLINE_ABI_HELLO_H

#include "include/abi/abi.h"

#define HELLO_MAX_DATA 2048 /* with today's key shares a ClientHello has 500 to 1800 bytes */

/* One TLS connection that begins. */
struct hello_record {
  struct mark_actor actor; /* `hook` is 0 */
  __u32 length;            /* bytes of the first send */
  __u32 kept;              /* of them in `data` */
  __u16 port;              /* of the other end */
  __u16 reserved;
  __u32 net_ns;     /* number of the network namespace's inode */
  __u8 address[16]; /* of the other end, as the socket has it; IPv4 as ::ffff:a.b.c.d */
  char data[HELLO_MAX_DATA];
};

/* Memory-mapped, one entry. All monotonic, from the kernel side. */
struct hello_counters {
  __u64 hellos;     /* told */
  __u64 lost;       /* … that found the ring full */
  __u64 unreadable; /* first sends whose memory was not there, or not the sender's own */
};

PLUMBLINE_ABI_ASSERT(sizeof(struct hello_record) == 112 + 2 * 4 + 8 + 16 + HELLO_MAX_DATA);

#endif
