/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The fentry tier, for kernels before 6.13 (tested: 6.1 and 6.12). All hooks sit behind the point where the kernel has
 * locked the inode, or after the change (fexit), so that the agent's barrier (lseek SEEK_HOLE, getdents) waits the
 * change out. That is why LSM hooks are not used: they run before the lock, and the agent could read the old bytes and
 * acknowledge. Every program is optional: the agent loads those whose function this kernel has, and a self-test
 * decides. First arguments are void *: struct user_namespace until 6.2, struct mnt_idmap since. */
#include "bpf/lib/mark.h"
#include <bpf/bpf_tracing.h>

/* Whether the traced function refused: what failed is no change, and its actor did nothing. Its return value without
 * naming every argument, whose number differs (bpf_get_func_ret, 5.17); an int, or a pointer that may be an error. */
static __always_inline bool refused(void* ctx) {
  __u64 value = 0;
  if (bpf_get_func_ret(ctx, &value) != 0) return 0;
  int code = (int)value;
  return code < 0 && code >= -4095; /* MAX_ERRNO */
}

static __always_inline void mark_dentry(struct dentry* dentry, __u32 hook) {
  mark_inode(BPF_CORE_READ(dentry, d_inode), hook);
}

static __always_inline void mark_file(struct file* file, __u32 hook) {
  mark_inode(BPF_CORE_READ(file, f_inode), hook);
}

/* Content. Called with the inode locked by every local file system's write, whether or not a time stamp changes. */
SEC("fentry/file_modified")
int BPF_PROG(on_file_modified, struct file* file) {
  mark_file(file, MARK_HOOK_CONTENT);
  return 0;
}

/* The same for iocb writes (xfs, btrfs, block); since 5.19. */
SEC("fentry/kiocb_modified")
int BPF_PROG(on_kiocb_modified, struct kiocb* iocb) {
  mark_file(BPF_CORE_READ(iocb, ki_filp), MARK_HOOK_CONTENT);
  return 0;
}

/* First store into a clean page of a shared mapping (page_mkwrite), and writes of simpler file systems. */
SEC("fentry/file_update_time")
int BPF_PROG(on_file_update_time, struct file* file) {
  mark_file(file, MARK_HOOK_CONTENT);
  return 0;
}

/* btrfs stamps a buffered write itself and calls none of the above; it does call this, with the inode locked. */
SEC("fentry/generic_write_checks")
int BPF_PROG(on_generic_write_checks, struct kiocb* iocb) {
  mark_file(BPF_CORE_READ(iocb, ki_filp), MARK_HOOK_CONTENT);
  return 0;
}

SEC("fexit/vfs_fallocate")
int BPF_PROG(on_vfs_fallocate, struct file* file) {
  if (refused(ctx)) return 0;
  mark_file(file, MARK_HOOK_CONTENT);
  return 0;
}

/* chmod, chown, utimes, truncate: inode locked. */
SEC("fexit/notify_change")
int BPF_PROG(on_notify_change, void* idmap, struct dentry* dentry) {
  if (refused(ctx)) return 0;
  mark_dentry(dentry, MARK_HOOK_ATTRIBUTE);
  return 0;
}

SEC("fexit/__vfs_setxattr_noperm")
int BPF_PROG(on_vfs_setxattr, void* idmap, struct dentry* dentry) {
  if (refused(ctx)) return 0;
  mark_dentry(dentry, MARK_HOOK_ATTRIBUTE);
  return 0;
}

SEC("fexit/__vfs_removexattr_locked")
int BPF_PROG(on_vfs_removexattr, void* idmap, struct dentry* dentry) {
  if (refused(ctx)) return 0;
  mark_dentry(dentry, MARK_HOOK_ATTRIBUTE);
  return 0;
}

/* POSIX ACLs do not pass setxattr since 6.2. */
SEC("fexit/vfs_set_acl")
int BPF_PROG(on_vfs_set_acl, void* idmap, struct dentry* dentry) {
  if (refused(ctx)) return 0;
  mark_dentry(dentry, MARK_HOOK_ATTRIBUTE);
  return 0;
}

/* chattr. */
SEC("fexit/vfs_fileattr_set")
int BPF_PROG(on_vfs_fileattr_set, void* idmap, struct dentry* dentry) {
  if (refused(ctx)) return 0;
  mark_dentry(dentry, MARK_HOOK_ATTRIBUTE);
  return 0;
}

/* Names. vfs_* and never do_*: those are renamed and inlined from kernel to kernel. The parents are locked until we
 * return. After vfs_rename the dentries keep their own inodes: new_dentry is the one that was replaced. */
SEC("fexit/vfs_rename")
int BPF_PROG(on_vfs_rename, struct renamedata* rd) {
  if (refused(ctx)) return 0;
  if (bpf_core_field_exists(rd->old_dir)) {
    mark_inode(BPF_CORE_READ(rd, old_dir), MARK_HOOK_NAME);
    mark_inode(BPF_CORE_READ(rd, new_dir), MARK_HOOK_NAME);
  } else {
    struct renamedata___parent* by_parent = (void*)rd;
    mark_dentry(BPF_CORE_READ(by_parent, old_parent), MARK_HOOK_NAME);
    mark_dentry(BPF_CORE_READ(by_parent, new_parent), MARK_HOOK_NAME);
  }
  mark_dentry(BPF_CORE_READ(rd, old_dentry), MARK_HOOK_NAME);
  mark_dentry(BPF_CORE_READ(rd, new_dentry), MARK_HOOK_NAME);
  return 0;
}

SEC("fexit/vfs_link")
int BPF_PROG(on_vfs_link, struct dentry* old_dentry, void* idmap, struct inode* dir) {
  if (refused(ctx)) return 0;
  mark_dentry(old_dentry, MARK_HOOK_NAME);
  mark_inode(dir, MARK_HOOK_NAME);
  return 0;
}

/* After the permission check and before the change, since the dentry of a last link is negative afterwards; the
 * directory is locked, so the barrier waits for the end. */
SEC("fentry/security_inode_unlink")
int BPF_PROG(on_inode_unlink, struct inode* dir, struct dentry* dentry) {
  mark_dentry(dentry, MARK_HOOK_NAME);
  mark_inode(dir, MARK_HOOK_NAME);
  return 0;
}

SEC("fentry/security_inode_rmdir")
int BPF_PROG(on_inode_rmdir, struct inode* dir, struct dentry* dentry) {
  mark_dentry(dentry, MARK_HOOK_NAME);
  mark_inode(dir, MARK_HOOK_NAME);
  return 0;
}

SEC("fexit/vfs_symlink")
int BPF_PROG(on_vfs_symlink, void* idmap, struct inode* dir) {
  if (refused(ctx)) return 0;
  mark_inode(dir, MARK_HOOK_NAME);
  return 0;
}

SEC("fexit/vfs_mkdir")
int BPF_PROG(on_vfs_mkdir, void* idmap, struct inode* dir) {
  if (refused(ctx)) return 0;
  mark_inode(dir, MARK_HOOK_NAME);
  return 0;
}

SEC("fexit/vfs_mknod")
int BPF_PROG(on_vfs_mknod, void* idmap, struct inode* dir) {
  if (refused(ctx)) return 0;
  mark_inode(dir, MARK_HOOK_NAME);
  return 0;
}

/* open(O_CREAT) does not pass vfs_create; this call stands in both ways, with the directory locked. */
SEC("fentry/security_inode_create")
int BPF_PROG(on_inode_create, struct inode* dir) {
  mark_inode(dir, MARK_HOOK_NAME);
  return 0;
}

/* The agent's own statx(): overlay asks twice, for itself and for the real inode. */
SEC("fentry/vfs_getattr_nosec")
int BPF_PROG(on_vfs_getattr_nosec, struct path* path) {
  register_inode(BPF_CORE_READ(path, dentry, d_inode));
  return 0;
}
