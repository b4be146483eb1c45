/* SPDX-License-Identifier: GPL-2.0-only
 *
 * From a struct inode to its key. */
#ifndef PLUMBLINE_BPF_INODE_H
#define PLUMBLINE_BPF_INODE_H

#include "bpf/lib/kernel_types.h"
#include <bpf/bpf_helpers.h>
#include "include/abi/abi.h"
#include <bpf/bpf_core_read.h>

#define BTRFS_SUPER_MAGIC 0x9123683E
#define FUSE_SUPER_MAGIC 0x65735546

/* Where btrfs keeps an inode's subvolume, set by user space from /sys/kernel/btf/btrfs. Not by CO-RE: btrfs is mostly a
 * module, and libbpf finds a module's BTF by walking ids, which takes CAP_SYS_ADMIN. */
const volatile struct {
  __u32 known;
  __u32 vfs_inode; /* of vfs_inode in struct btrfs_inode */
  __u32 root;      /* of root there */
  __u32 objectid;  /* of root_key.objectid in struct btrfs_root */
} btrfs_offsets = {0};

/* Reads only, any context; a bad pointer reads as 0. */
static __always_inline void inode_key(struct inode* inode, struct mark_key* key) {
  key->ino = BPF_CORE_READ(inode, i_ino);
  key->dev = BPF_CORE_READ(inode, i_sb, s_dev);
  key->subvolume = 0;
  key->reserved = 0;
  if (btrfs_offsets.known && BPF_CORE_READ(inode, i_sb, s_magic) == BTRFS_SUPER_MAGIC) {
    const char *own = (const char*)inode - btrfs_offsets.vfs_inode, *root = NULL;
    bpf_probe_read_kernel(&root, sizeof root, own + btrfs_offsets.root);
    bpf_probe_read_kernel(&key->subvolume, sizeof key->subvolume, root + btrfs_offsets.objectid);
  }
}

/* Whether a program serves the file, as FUSE lets anybody: who opens or reads it may be let wait for ever. */
static __always_inline bool is_served(struct inode* inode) {
  return BPF_CORE_READ(inode, i_sb, s_magic) == FUSE_SUPER_MAGIC;
}

static __always_inline __u64 inode_ctime_ns(struct inode* inode) {
  struct inode___split* split = (void*)inode;
  struct inode___wrapped* wrapped = (void*)inode;
  struct inode___plain* plain = (void*)inode;
  if (bpf_core_field_exists(split->i_ctime_sec))
    return BPF_CORE_READ(split, i_ctime_sec) * 1000000000ULL + (BPF_CORE_READ(split, i_ctime_nsec) & 0x7fffffff);
  if (bpf_core_field_exists(wrapped->__i_ctime))
    return BPF_CORE_READ(wrapped, __i_ctime.tv_sec) * 1000000000ULL + BPF_CORE_READ(wrapped, __i_ctime.tv_nsec);
  return BPF_CORE_READ(plain, i_ctime.tv_sec) * 1000000000ULL + BPF_CORE_READ(plain, i_ctime.tv_nsec);
}

#endif
