/* SPDX-License-Identifier: GPL-2.0-only
 *
 * What the node's programs say to a few endpoints without TLS: the metadata services of clouds, and those that the
 * configuration names. A socket that connects to one of them gets a storage; cgroup_skb programs on the root of the v2
 * hierarchy copy the segments of sockets that have one, and all that others pay is a look at their port. They let
 * everything pass. Needs Linux 5.15 (bpf_sk_storage_get in raw tracepoints with 5.11). */
#include "bpf/lib/plain.h"

char LICENSE[] SEC("license") = "GPL";

/* In process context, before the first segment: whoever connects is current. */
static __always_inline int connects(struct sock* sk) {
  struct plain_endpoint endpoint = {};
  if (!endpoint_of(sk, &endpoint) || !bpf_map_lookup_elem(&endpoints, &endpoint)) return 0;
  if (bpf_get_current_pid_tgid() >> 32 == own_tgid || is_excluded()) return 0;
  struct plain_counters* c = counters();
  struct plain_socket* socket = bpf_sk_storage_get(&plain_sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!c) return 0;
  if (!socket) {
    __sync_fetch_and_add(&c->untracked, 1);
    return 0;
  }
  __builtin_memset(socket, 0, sizeof(*socket)); /* it may have connected before, and failed */
  fill_actor(&socket->actor, 0);
  socket->endpoint = endpoint;
  socket->connection = __sync_fetch_and_add(&c->connections, 1) + 1;
  return 0;
}

static __always_inline int ends(struct sock* sk) {
  struct plain_socket* socket = bpf_sk_storage_get(&plain_sockets, sk, 0, 0);
  if (!socket || !is_told(socket)) return 0;
  struct plain_record* r = bpf_ringbuf_reserve(&plain_segments, sizeof(*r), 0);
  struct plain_counters* c = counters();
  if (r) {
    __builtin_memset(r, 0, sizeof(*r));
    fill_record(r, socket);
    r->direction = PLAIN_END;
    bpf_ringbuf_submit(r, 0);
  } else if (c) {
    __sync_fetch_and_add(&c->lost, 1);
  }
  socket->verdict = CAPTURE_IGNORED;
  return 0;
}

/* The addresses are there and no segment was sent yet: tcp_v4_connect(), tcp_v6_connect(). */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_tcp_state, struct sock* sk, int before, int now) {
  if (now == BPF_TCP_SYN_SENT) return connects(sk);
  return now == BPF_TCP_CLOSE ? ends(sk) : 0;
}

static __always_inline struct plain_socket* socket_of(struct __sk_buff* skb) {
  __u32 port = bpf_ntohl(skb->remote_port); /* of the socket, whatever the packet says */
  if (!(watched_ports[port / 64 % PLAIN_PORT_WORDS] >> port % 64 & 1)) return 0;
  struct bpf_sock* sk = skb->sk;
  return sk ? bpf_sk_storage_get(&plain_sockets, sk, 0, 0) : 0;
}

SEC("cgroup_skb/egress")
int on_egress(struct __sk_buff* skb) {
  struct plain_socket* socket = socket_of(skb);
  if (socket && socket->verdict != CAPTURE_IGNORED) take_segment(skb, socket, PLAIN_OUT);
  return 1;
}

SEC("cgroup_skb/ingress")
int on_ingress(struct __sk_buff* skb) {
  struct plain_socket* socket = socket_of(skb);
  if (socket && socket->verdict != CAPTURE_IGNORED) take_segment(skb, socket, PLAIN_IN);
  return 1;
}
