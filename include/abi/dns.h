/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * The contract between bpf/dns.bpf.c and the agent: answers of DNS that programs receive by UDP, which say whose the
 * addresses are that they connect to. Nothing here is pinned. */
#ifndef PLUMBLINE_ABI_DNS_H
#define PLUMBLINE_ABI_DNS_H

#include "include/abi/abi.h"

#define DNS_MAX_DATA                                                                               \
  512 /* what every resolver takes (RFC 1035, section 4.2.1): longer answers have their first here \
       */

struct dns_record {
  __u32 net_ns; /* number of the network namespace's inode */
  __u32 tgid;   /* who received it */
  __u32 length; /* bytes of the message */
  __u32 kept;   /* of them in `data` */
  char data[DNS_MAX_DATA];
};

/* Memory-mapped, one entry. All monotonic, from the kernel side. */
struct dns_counters {
  __u64 answers;    /* told */
  __u64 lost;       /* … that found the ring full */
  __u64 unreadable; /* not in one piece of memory of the receiver's own */
};

PLUMBLINE_ABI_ASSERT(sizeof(struct dns_record) == 4 * 4 + DNS_MAX_DATA);

#endif
