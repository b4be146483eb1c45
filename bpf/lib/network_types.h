/* SPDX-License-Identifier: GPL-2.0-only
 *
 * What we read of the kernel's sockets and messages, for CO-RE as in kernel_types.h. */
#ifndef PLUMBLINE_BPF_NETWORK_TYPES_H
#define PLUMBLINE_BPF_NETWORK_TYPES_H

#include "bpf/lib/kernel_types.h"

typedef __u64 size_t;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct iovec {
  void* iov_base;
  size_t iov_len;
};
struct iov_iter {
  __u8 iter_type;
  size_t iov_offset;
};
struct iov_iter___ubuf { /* since 6.0 */
  void* ubuf;
};
struct iov_iter___plain { /* until 6.3 */
  const struct iovec* iov;
};
struct iov_iter___hidden { /* since 6.4 */
  const struct iovec* __iov;
};
struct msghdr {
  void* msg_name;
  struct iov_iter msg_iter;
};
struct in6_addr___kernel {
  __u8 bytes[16];
};
struct net {
  struct ns_common ns;
};
typedef struct {
  struct net* net;
} possible_net_t;
struct sock_common {
  __u16 skc_dport; /* in network order */
  __u16 skc_family;
  __u32 skc_daddr; /* in network order */
  struct in6_addr___kernel skc_v6_daddr;
  possible_net_t skc_net;
};
struct sock {
  struct sock_common __sk_common;
  __u16 sk_protocol; /* u8 until 5.5 */
};
struct tcp_sock {
  u64 bytes_sent;
};

#pragma clang attribute pop

#endif
