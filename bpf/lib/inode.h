/* SPDX-License-Identifier: GPL-2.0-only
 *
 * From a struct inode to its key. */
#ifndef PLUMBLINE_BPF_INODE_H
#define PLUMBLINE_BPF_INODE_H

#include "bpf/lib/maps.h"
#include <bpf/bpf_core_read.h>

#define BTRFS_SUPER_MAGIC 0x9123683E

/* Reads only, any context; a bad pointer reads as 0. */
static __always_inline void inode_key(struct inode *inode, struct mark_key *key) {
  key->ino = BPF_CORE_READ(inode, i_ino);
  key->dev = BPF_CORE_READ(inode, i_sb, s_dev);
  key->subvolume = 0;
  key->reserved = 0;
  /* btrfs as a module: libbpf looks in the modules' BTF too, as long as it is loaded before us. */
  if (bpf_core_type_exists(struct btrfs_inode) && BPF_CORE_READ(inode, i_sb, s_magic) == BTRFS_SUPER_MAGIC) {
    struct btrfs_inode *b = (void *)inode - bpf_core_field_offset(struct btrfs_inode, vfs_inode);
    key->subvolume = BPF_CORE_READ(b, root, root_key.objectid);
  }
}

#endif
