/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Answers of DNS (RFC 1035) that programs receive by UDP from port 53: of a server far away, of the cluster's, of a
 * stub on this node. fexit on udp_recvmsg, when the bytes are in the program's own memory in one piece; in the packet
 * they may lie anywhere, which no fentry program can read. Only of sockets that asked: anybody may send a datagram from
 * a port 53 of his own. What is from elsewhere pays a load or two. Needs Linux 5.17 (bpf_get_func_ret). */
#include "bpf/lib/message_memory.h"
#include "include/abi/dns.h"
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

#define RING_BYTES (256 * 1024)
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, RING_BYTES);
} dns_answers SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct dns_counters);
} dns_counters SEC(".maps");

/* Sockets without a peer that sent to port 53. With the socket, so that none takes another's room. */
struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, __u8);
} asked SEC(".maps");

#define DNS_PORT __builtin_bswap16(53)

/* Whether the address of a message, which is the other side's, has port 53. */
static __always_inline bool names_dns(struct msghdr* msg) {
  struct {
    __u16 family;
    __u16 port; /* in network order, of IPv4 and IPv6 alike */
  } other;
  const void* name = BPF_CORE_READ(msg, msg_name);
  return name && bpf_probe_read_kernel(&other, sizeof(other), name) == 0 && other.port == DNS_PORT;
}

/* A resolver's socket is connected, so that the kernel takes nothing from others, or asked and looks at who sent it. */
static __always_inline bool is_from_dns(struct sock* sk, struct msghdr* msg) {
  __u16 connected = BPF_CORE_READ(sk, __sk_common.skc_dport);
  if (connected) return connected == DNS_PORT;
  return names_dns(msg) && bpf_sk_storage_get(&asked, sk, NULL, 0);
}

static __always_inline int received(void* ctx, struct sock* sk, struct msghdr* msg, size_t room) {
  if (!is_from_dns(sk, msg)) return 0;
  __u64 result = 0;
  if (bpf_get_func_ret(ctx, &result) != 0 || (__s32)result <= 12) return 0; /* an error, or no more than a header */
  __u64 size = (__u32)result;
  if (size > room) size = room; /* MSG_TRUNC tells of more than there was room for */
  __u32 zero = 0;
  struct dns_counters* c = bpf_map_lookup_elem(&dns_counters, &zero);
  if (!c) return 0;
  size_t offset = 0, left = ~0ULL;
  const void* piece = present_piece(msg, &offset, &left);
  __u8 header[12];
  if (!piece || offset < size || bpf_probe_read_user(header, sizeof(header), piece + offset - size) != 0) {
    __sync_fetch_and_add(&c->unreadable, 1);
    return 0;
  }
  /* An answer without error, with something in it. */
  if (!(header[2] & 0x80) || header[3] & 0xf || !(header[6] | header[7])) return 0;
  struct dns_record* r = bpf_ringbuf_reserve(&dns_answers, sizeof(*r), 0);
  if (!r) {
    __sync_fetch_and_add(&c->lost, 1);
    return 0;
  }
  __u64 kept = size;
  asm volatile("" : "+r"(kept)); /* 6.1's verifier needs to see the check */
  if (kept > DNS_MAX_DATA) kept = DNS_MAX_DATA;
  if (bpf_probe_read_user(r->data, kept, piece + offset - size) != 0) {
    bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
    __sync_fetch_and_add(&c->unreadable, 1);
    return 0;
  }
  r->net_ns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
  r->tgid = bpf_get_current_pid_tgid() >> 32;
  r->length = size;
  r->kept = kept;
  /* They are read when somebody connects, or once a second. */
  bool is_full = bpf_ringbuf_query(&dns_answers, BPF_RB_AVAIL_DATA) > RING_BYTES / 2;
  bpf_ringbuf_submit(r, is_full ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
  __sync_fetch_and_add(&c->answers, 1);
  return 0;
}

static __always_inline int sent(struct sock* sk, struct msghdr* msg) {
  if (!names_dns(msg)) return 0;
  __u8* mark = bpf_sk_storage_get(&asked, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
  if (mark) *mark = 1;
  return 0;
}

SEC("fentry/udp_sendmsg")
int BPF_PROG(on_udp_sent, struct sock* sk, struct msghdr* msg) {
  return sent(sk, msg);
}

SEC("fentry/udpv6_sendmsg")
int BPF_PROG(on_udp6_sent, struct sock* sk, struct msghdr* msg) {
  return sent(sk, msg);
}

SEC("fexit/udp_recvmsg")
int BPF_PROG(on_udp_received, struct sock* sk, struct msghdr* msg, size_t room) {
  return received(ctx, sk, msg, room);
}

SEC("fexit/udpv6_recvmsg")
int BPF_PROG(on_udp6_received, struct sock* sk, struct msghdr* msg, size_t room) {
  return received(ctx, sk, msg, room);
}
