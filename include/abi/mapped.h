/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * The contract between bpf/mapped.bpf.c and the agent: files of which somebody mapped a piece that can be executed.
 * Nothing here is pinned. */
#ifndef PLUMBLINE_ABI_MAPPED_H
#define PLUMBLINE_ABI_MAPPED_H

#include "include/abi/abi.h"

/* What was told once is not told again, as long as all of this is the same. */
struct mapped_key {
  struct mark_key inode;
  __u64 ctime_ns; /* its change time, ns since 1970: what it holds later may differ */
  __u32 round;    /* the agent's: with the next all is told again */
  __u32 reserved; /* 0 */
};

/* One file, and who mapped it where: the file is to be had by "/proc/TGID/map_files/START-END". */
struct mapped_record {
  struct mapped_key key;
  __u64 start; /* addresses, as /proc/TGID/maps has them */
  __u64 end;
  __u32 tgid;
  __u32 reserved;
};

/* Memory-mapped, one entry. All monotonic, from the kernel side. */
struct mapped_counters {
  __u64 told;
  __u64 lost;   /* found the ring full: the next mapping tells */
  __u64 served; /* of FUSE: not told */
};

PLUMBLINE_ABI_ASSERT(sizeof(struct mapped_key) == 24 + 8 + 8);
PLUMBLINE_ABI_ASSERT(sizeof(struct mapped_record) == 40 + 16 + 8);

#endif
