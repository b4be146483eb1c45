/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Sockets that connected to an endpoint that is listened to. */
#ifndef PLUMBLINE_BPF_PLAIN_SOCKET_H
#define PLUMBLINE_BPF_PLAIN_SOCKET_H

#include "bpf/lib/actor.h"
#include "bpf/lib/capture_scope.h"
#include "bpf/lib/network_types.h"
#include "include/abi/capture.h"
#include "include/abi/plain.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

/* The agent's own connections are not to be seen. */
const volatile __u32 own_tgid = 0;

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, PLAIN_MAX_ENDPOINTS);
  __type(key, struct plain_endpoint);
  __type(value, __u8);
} endpoints SEC(".maps");

/* A bit for each port that an endpoint has or had. To ask a socket for its storage costs half as much as all else that
 * a packet of others pays, and most have another port. */
__u64 watched_ports[PLAIN_PORT_WORDS];

struct plain_socket {
  struct mark_actor actor; /* who connected */
  struct plain_endpoint endpoint;
  __u32 verdict; /* enum capture_verdict */
  __u64 connection;
  __u64 seen[2];  /* offset behind what was seen, by direction */
  __u32 first[2]; /* sequence number of the first byte */
  __u32 budget[2];
  __u8 has_first[2];
  __u8 tries; /* first segments that were no HTTP */
  __u8 reserved;
};
/* Ends with its socket. */
struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct plain_socket);
} plain_sockets SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1024 * 1024);
} plain_segments SEC(".maps");

/* Numbers of connections that the agent does not want, each in its place. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, PLAIN_IGNORED);
  __type(key, __u32);
  __type(value, __u64);
} plain_ignored SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct plain_counters);
} plain_counters SEC(".maps");

static __always_inline struct plain_counters* counters(void) {
  __u32 zero = 0;
  return bpf_map_lookup_elem(&plain_counters, &zero);
}

static __always_inline bool is_told(const struct plain_socket* socket) {
  return socket->verdict == CAPTURE_HTTP1 || socket->verdict == CAPTURE_HTTP2;
}

#define PROTOCOL_TCP 6
#define FAMILY_IPV4 2
#define FAMILY_IPV6 10

/* Whom a TCP socket connects to. An IPv6 socket may talk IPv4: its address says so. */
static __always_inline bool endpoint_of(struct sock* sk, struct plain_endpoint* endpoint) {
  if (sk->sk_protocol != PROTOCOL_TCP) return 0;
  endpoint->port = bpf_ntohs(sk->__sk_common.skc_dport);
  if (sk->__sk_common.skc_family == FAMILY_IPV6)
    return bpf_core_read(endpoint->address, sizeof(endpoint->address), &sk->__sk_common.skc_v6_daddr) == 0;
  if (sk->__sk_common.skc_family != FAMILY_IPV4) return 0;
  __u32 address = sk->__sk_common.skc_daddr;
  endpoint->address[10] = endpoint->address[11] = 0xff;
  __builtin_memcpy(endpoint->address + 12, &address, sizeof(address));
  return 1;
}

static __always_inline void fill_record(struct plain_record* r, const struct plain_socket* socket) {
  r->actor = socket->actor;
  r->actor.at_boot_ns = bpf_ktime_get_boot_ns();
  r->connection = socket->connection;
  r->endpoint = socket->endpoint;
}

#endif
