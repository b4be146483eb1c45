/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The ctime tier, Linux 6.13 and later: multigrain timestamps (kernel commit 4e40eff0b573, Documentation/filesystems/
 * multigrain-ts.rst). Every content and metadata change of an inode updates its ctime, by whatever call it comes
 * (io_uring, aio, reflink, chattr, first store into a shared mapping), and a ctime that somebody has read since (statx)
 * is stamped anew at the next change. So a file that the agent looked at tells of its next change, and a file that
 * nobody looked at costs nothing. */
#include "bpf/lib/mark.h"
#include <bpf/bpf_tracing.h>

/* Multigrain stamp taken: the usual path. */
SEC("tp_btf/ctime_ns_xchg")
int BPF_PROG(on_ctime_ns_xchg, struct inode* inode) {
  mark_inode(inode, MARK_HOOK_CTIME);
  return 0;
}

/* Another CPU stamped the same inode in the same instant: still a change of its own. */
SEC("tp_btf/ctime_xchg_skip")
int BPF_PROG(on_ctime_xchg_skip, struct inode* inode) {
  mark_inode(inode, MARK_HOOK_CTIME_SKIP);
  return 0;
}

/* Explicit stamp: file systems without multigrain time, network attributes, and overlay copying up. */
SEC("tp_btf/inode_set_ctime_to_ts")
int BPF_PROG(on_inode_set_ctime_to_ts, struct inode* inode) {
  mark_inode(inode, MARK_HOOK_CTIME_SET);
  return 0;
}

/* stat() of an inode with multigrain time; the real inode, under overlay too. */
SEC("tp_btf/fill_mg_cmtime")
int BPF_PROG(on_fill_mg_cmtime, struct inode* inode) {
  register_inode(inode);
  return 0;
}
