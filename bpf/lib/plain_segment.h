/* SPDX-License-Identifier: GPL-2.0-only
 *
 * One TCP segment of such a socket: where its payload lies in its packet (RFC 791, 8200, 9293), and in its stream. */
#ifndef PLUMBLINE_BPF_PLAIN_SEGMENT_H
#define PLUMBLINE_BPF_PLAIN_SEGMENT_H

#include "bpf/lib/plain_socket.h"

/* Where a segment's payload lies in its packet, and in its stream. */
struct segment {
  __u32 at;     /* in the packet */
  __u32 length; /* bytes; 0 = it has none, or is not understood */
  __u32 sequence;
  __u64 offset; /* in its stream: sequence numbers begin anew every 4 GiB */
  bool is_syn;
};

#define IPV6_HEADER 40
#define HOP_BY_HOP 0 /* IPv6 packets of more than 64 KiB begin with one until they are cut */

/* The packet begins with its network header. What carries it through a tunnel is none of ours. */
static __always_inline bool read_segment(struct __sk_buff* skb, struct segment* segment, bool* is_tcp) {
  __u8 ip[8] = {};
  *is_tcp = 1;
  if (bpf_skb_load_bytes(skb, 0, ip, sizeof(ip)) != 0) return 0;
  __u32 tcp_at;
  __u8 protocol;
  if (ip[0] >> 4 == 4) {
    tcp_at = (ip[0] & 0x0f) * 4;
    if (bpf_skb_load_bytes(skb, 9, &protocol, 1) != 0) return 0;
  } else {
    tcp_at = IPV6_HEADER;
    protocol = ip[6];
    if (protocol == HOP_BY_HOP) {
      __u8 option[2] = {};
      if (bpf_skb_load_bytes(skb, IPV6_HEADER, option, sizeof(option)) != 0) return 0;
      protocol = option[0];
      tcp_at += (option[1] + 1) * 8;
    }
  }
  *is_tcp = protocol == PROTOCOL_TCP;
  __u8 tcp[16] = {};
  if (!*is_tcp || bpf_skb_load_bytes(skb, tcp_at, tcp, sizeof(tcp)) != 0) return 0;
  __u32 header = (tcp[12] >> 4) * 4;
  if (header < 20 || tcp_at + header > skb->len) return 0;
  segment->at = tcp_at + header;
  segment->length = skb->len - segment->at;
  segment->sequence = (__u32)tcp[4] << 24 | (__u32)tcp[5] << 16 | (__u32)tcp[6] << 8 | tcp[7];
  segment->is_syn = tcp[13] & 2;
  return 1;
}

/* Where the stream begins: behind our own SYN; and of what comes in, at what TCP waits for when the first of it is
 * there, so that nobody else's SYN can say it. */
static __always_inline bool knows_first(struct __sk_buff* skb, struct plain_socket* socket, __u32 direction,
                                        const struct segment* segment) {
  if (socket->has_first[direction & 1]) return 1;
  __u32 first = segment->sequence;
  if (direction == PLAIN_OUT && !segment->is_syn) return 0;
  if (direction == PLAIN_IN && segment->length == 0) return 0;
  if (direction == PLAIN_IN && !segment->is_syn) {
    struct bpf_sock* sk = skb->sk;
    struct bpf_tcp_sock* tcp = sk ? bpf_tcp_sock(sk) : 0;
    if (!tcp) return 0;
    first = tcp->rcv_nxt;
  }
  socket->first[direction & 1] = first;
  socket->has_first[direction & 1] = 1;
  return 1;
}

/* Sets the offset. False: all of the segment was there before. `is_next`: TCP has everything before it. What goes out
 * for the first time goes out in order. */
static __always_inline bool place(struct __sk_buff* skb, struct plain_socket* socket, __u32 direction,
                                  struct segment* segment, bool* is_next) {
  __u64 seen = socket->seen[direction & 1];
  __s64 offset = seen + (__s32)(segment->sequence - socket->first[direction & 1] - (__u32)seen);
  __s64 end = offset + segment->length;
  segment->offset = offset;
  *is_next = 1;
  if (direction == PLAIN_OUT) {
    if (end <= (__s64)seen) return 0;
  } else {
    struct bpf_sock* sk = skb->sk;
    struct bpf_tcp_sock* tcp = sk ? bpf_tcp_sock(sk) : 0;
    if (!tcp) return 0;
    *is_next = (__s32)(segment->sequence - tcp->rcv_nxt) <= 0;
    if ((__s32)(segment->sequence + segment->length - tcp->rcv_nxt) <= 0) return 0;
  }
  if (end > (__s64)seen) socket->seen[direction & 1] = end;
  return offset >= 0;
}

#endif
