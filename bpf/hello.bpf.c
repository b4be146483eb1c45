/* SPDX-License-Identifier: GPL-2.0-only
 *
 * ClientHello of TLS connections (RFC 8446, section 4.1.2): whom a program talks to, also where nobody can see what it
 * says. fentry on tcp_sendmsg, which is where all that TCP sends comes by (send, write, sendfile's first piece,
 * io_uring); the kprobe would cost three times as much. A connection that has sent before pays two loads. Needs
 * Linux 5.15. */
#include "bpf/lib/actor.h"
#include "bpf/lib/capture_scope.h"
#include "bpf/lib/message_memory.h"
#include "include/abi/hello.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define AF_INET 2

char LICENSE[] SEC("license") = "GPL";

/* The agent's own connections are not to be seen. */
const volatile __u32 own_tgid = 0;

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 512 * 1024);
} hellos SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct hello_counters);
} hello_counters SEC(".maps");

SEC("fentry/tcp_sendmsg")
int BPF_PROG(on_tcp_send, struct sock* sk, struct msghdr* msg, size_t size) {
  if (size < 44) return 0; /* no ClientHello is shorter */
  struct tcp_sock* tcp = (void*)sk;
  if (BPF_CORE_READ(tcp, bytes_sent) != 0) return 0;
  if (bpf_get_current_pid_tgid() >> 32 == own_tgid) return 0;
  __u32 zero = 0;
  struct hello_counters* c = bpf_map_lookup_elem(&hello_counters, &zero);
  if (!c) return 0;
  size_t offset = 0, length = size;
  const void* from = present_piece(msg, &offset, &length);
  if (from) from += offset;
  __u8 first[6];
  if (!from || length < sizeof(first) || bpf_probe_read_user(first, sizeof(first), from) != 0) {
    __sync_fetch_and_add(&c->unreadable, 1);
    return 0;
  }
  /* A handshake record of any version, and in it a ClientHello. */
  if (first[0] != 22 || first[1] != 3 || first[5] != 1) return 0;
  if (is_excluded()) return 0; /* its plaintext is not seen on purpose */
  struct hello_record* r = bpf_ringbuf_reserve(&hellos, sizeof(*r), 0);
  if (!r) {
    __sync_fetch_and_add(&c->lost, 1);
    return 0;
  }
  __u64 kept = length;
  asm volatile("" : "+r"(kept)); /* 6.1's verifier needs to see the check */
  if (kept > HELLO_MAX_DATA) kept = HELLO_MAX_DATA;
  if (bpf_probe_read_user(r->data, kept, from) != 0) {
    bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
    __sync_fetch_and_add(&c->unreadable, 1);
    return 0;
  }
  __builtin_memset(&r->actor, 0, sizeof(r->actor));
  fill_actor(&r->actor, 0);
  r->length = size;
  r->kept = kept;
  r->port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
  r->reserved = 0;
  r->net_ns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
  __builtin_memset(r->address, 0, sizeof(r->address));
  if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET) {
    __u32 address = BPF_CORE_READ(sk, __sk_common.skc_daddr);
    r->address[10] = r->address[11] = 0xff;
    __builtin_memcpy(r->address + 12, &address, sizeof(address));
  } else {
    BPF_CORE_READ_INTO(&r->address, sk, __sk_common.skc_v6_daddr);
  }
  bpf_ringbuf_submit(r, 0);
  __sync_fetch_and_add(&c->hellos, 1);
  return 0;
}
