/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * The contract between bpf/capture.bpf.c and the agent: plaintext of TLS connections, as much of it as a message's head
 * and a small body need. Nothing here is pinned: probes end with the agent. */
#ifndef PLUMBLINE_ABI_CAPTURE_H
#define PLUMBLINE_ABI_CAPTURE_H

#include "include/abi/abi.h"

/* What a probe's place is: second byte of its cookie; order is ABI. */
enum capture_place {
  CAPTURE_WRITE_ALL = 1, /* entry of a function that takes plaintext, and returns once it took all: copied here */
  CAPTURE_WRITE,         /* entry of one that may take less, or nothing yet: OpenSSL's, which are then called again */
  CAPTURE_WRITE_RETURN,  /* its return: how much it took is copied then */
  CAPTURE_READ,          /* entry of a function that gives plaintext */
  CAPTURE_READ_RETURN,   /* its return: a uretprobe, or a RET instruction */
  CAPTURE_CLOSE,         /* entry of a function that ends a connection, whose address another may have next */
  CAPTURE_OPEN_RETURN,   /* return of a function that makes one: what its address was before is over */
};

/* How a hooked function takes its arguments: low byte of the cookie; order is ABI. */
enum capture_call {
  CAPTURE_C = 1, /* (connection, buffer, size_t or int length) and returns the count: SSL_write, gnutls_record_send,
                    s2n_send; SSL_read and their like */
  CAPTURE_C_EX,  /* … and `size_t *count` as fourth argument, returns 1 for success: SSL_write_ex, SSL_read_ex */
  CAPTURE_C_EX2, /* (connection, buffer, length, flags, size_t *count): SSL_write_ex2 (OpenSSL 3.3) */
  CAPTURE_GO,    /* (receiver, slice) in Go's register ABI (1.17, amd64): crypto/tls.(*Conn).Write and Read */
};

enum capture_direction {
  CAPTURE_OUT = 0,
  CAPTURE_IN = 1,
  CAPTURE_END = 2, /* of the connection: a record without data */
};

/* What is to become of a connection. The kernel side starts at NEW and decides from its first bytes; the agent may
 * overrule it, once it knows the host. */
enum capture_verdict {
  CAPTURE_NEW = 0,
  CAPTURE_HTTP1,
  CAPTURE_HTTP2,
  CAPTURE_IGNORED, /* of no interest: one look-up a call from now on */
  CAPTURE_STRANGE, /* no HTTP so far: the first bytes of what goes out are looked at, and no more */
};

#define CAPTURE_MAX_DATA 16384   /* of one record; a call may be several */
#define CAPTURE_OUT_BUDGET 65536 /* bytes of one request that are copied */
#define CAPTURE_IN_BUDGET 16384  /* bytes of one response */
/* Whoever is hooked pays for waking the agent, tens of microseconds in a virtual machine, which is more than for all
 * else. So only an answer does, once in this time; the agent reads what came meanwhile when as much has passed. */
#define CAPTURE_REST_NS 4000000

#define CAPTURE_CGROUP_REST_NS 50000000 /* between two records of cgroups that are made */

struct capture_connection_key {
  __u64 connection; /* SSL*, s2n_connection*, *tls.Conn, … */
  __u32 tgid;
  __u32 reserved;
};
struct capture_connection {
  __u32 verdict;   /* enum capture_verdict */
  __u32 tries;     /* first bytes that were no HTTP */
  __u64 bytes[2];  /* seen, by direction: where in the stream the next record begins */
  __u64 budget[2]; /* bytes of the present message that may still be copied */
  __u32 head;      /* the last of what went out, at most three bytes, in calls of less than four */
  __u32 head_size; /* bytes of that */
};

/* Where in a call a record lies. */
enum capture_part {
  CAPTURE_CONTINUES = 1, /* the record before it begins the call, or continues it */
  CAPTURE_GOES_ON = 2,   /* more of the call is in the next record, or is not copied */
};

/* One call, or a part of it. Followed in the ring by `kept` bytes of data. */
struct capture_record {
  struct mark_actor actor; /* `hook` is 0; of one that is not CAPTURE_OUT only times, tgid and image */
  __u64 connection;
  __u64 offset;   /* of its first byte in the direction's stream, as far as we saw that: a jump is a loss */
  __u32 length;   /* bytes of the call, or of this part */
  __u32 kept;     /* of them here */
  __u8 direction; /* enum capture_direction */
  __u8 verdict;   /* enum capture_verdict */
  __u8 kind;      /* enum capture_call of the hooked function; 0: it was none */
  __u8 part;      /* of enum capture_part */
  __u8 reserved[4];
};

/* Two hierarchies' ids of struct mark_actor, which together name a process's cgroup. */
struct capture_scope {
  __u64 cgroup_id;
  __u64 cgroup_v1_id;
};

/* Whether programs of a cgroup are looked at. They are, where the map of them has none of these. */
enum capture_scope_verdict {
  SCOPE_ASKED = 1, /* the agent was asked and has not answered yet: they are looked at */
  SCOPE_WATCHED,
  SCOPE_EXCLUDED, /* one look-up a call, and nothing is copied */
};

/* An execution that tells of something new, or at the start a process that does. */
struct executed_record {
  struct capture_scope scope;
  __u64 start_boot_ns; /* with tgid the name of a process */
  __u32 tgid;
  __u32 mount_ns;
  __u8 is_new_program; /* executed for the first time since the agent started, or since it was long ago */
  __u8 is_new_scope;   /* nobody has said yet whether this cgroup is looked at */
  __u8 is_new_cgroup;  /* nothing was executed yet: a cgroup was made, so something is about to start */
  __u8 reserved[5];
};

/* Memory-mapped, one entry. All monotonic, from the kernel side. */
struct capture_counters {
  __u64 calls;        /* of hooked functions */
  __u64 records;      /* copied */
  __u64 lost;         /* … that found the ring full, or their cgroup's share of it */
  __u64 unreadable;   /* whose buffer was not in memory */
  __u64 over_budget;  /* not copied: enough of that message was */
  __u64 ignored;      /* of ignored connections */
  __u64 served;       /* connections on which requests come in: a server's, and ignored */
  __u64 entries_lost; /* returns whose entry was not found */
  __u64 executed;     /* executed_record written */
  __u64 executed_lost;
  __u64 excluded;        /* calls of excluded cgroups; not among `calls` */
  __u64 served_programs; /* executed from FUSE for the first time: not told */
  __u64 crowded;         /* requests on connections that were one too many of their cgroup, and are not looked at */
};

PLUMBLINE_ABI_ASSERT(sizeof(struct executed_record) == 40);
PLUMBLINE_ABI_ASSERT(sizeof(struct capture_record) == 112 + 2 * 8 + 2 * 4 + 8);

#endif
