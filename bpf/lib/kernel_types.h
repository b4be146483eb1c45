/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The few kernel types and fields that we read, for CO-RE: libbpf finds their real offsets in the running kernel's BTF.
 * A hand-written list instead of a 3 MB vmlinux.h keeps the build independent of the build machine's kernel, and says
 * at a glance what we depend on. */
#ifndef PLUMBLINE_BPF_KERNEL_TYPES_H
#define PLUMBLINE_BPF_KERNEL_TYPES_H

#include <linux/bpf.h>
#include <linux/types.h>

typedef __u32 u32;
typedef __u64 u64;
typedef _Bool bool;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
  __u32 val;
} kuid_t;

struct kernfs_node {
  u64 id; /* u64 since 5.5 */
};
struct cgroup_root {
  int hierarchy_id; /* 0 = the unified one */
};
struct cgroup_subsys_state;
struct cgroup {
  struct cgroup_subsys_state* subsys[16];
  struct cgroup_root* root;
  struct kernfs_node* kn;
};
struct cgroup_subsys_state {
  struct cgroup* cgroup;
};
enum cgroup_subsys_id { pids_cgrp_id___min = 0 };
struct css_set {
  struct cgroup_subsys_state* subsys[16];
  struct cgroup* dfl_cgrp;
};

struct cred {
  kuid_t uid;
};

struct super_block {
  u32 s_dev;
  unsigned long s_magic;
};
struct inode {
  unsigned short i_mode;
  struct super_block* i_sb;
  unsigned long i_ino;
  u32 i_generation;
};
/* The change time: i_ctime until 6.5, __i_ctime until 6.10, two fields since. */
struct timespec64 {
  __s64 tv_sec;
  long tv_nsec;
};
struct inode___plain {
  struct timespec64 i_ctime;
};
struct inode___wrapped {
  struct timespec64 __i_ctime;
};
struct inode___split {
  __s64 i_ctime_sec;
  u32 i_ctime_nsec; /* bit 31: somebody has read it (multigrain time, 6.13) */
};
struct qstr {
  const unsigned char* name;
};
struct dentry {
  struct dentry* d_parent;
  struct qstr d_name;
  struct inode* d_inode;
};
struct vfsmount {
  struct dentry* mnt_root;
};
struct mount {
  struct mount* mnt_parent;
  struct dentry* mnt_mountpoint;
  struct vfsmount mnt;
};
struct path {
  struct vfsmount* mnt;
  struct dentry* dentry;
};
struct file {
  struct path f_path;
  struct inode* f_inode;
};
struct kiocb {
  struct file* ki_filp;
};
struct fs_struct {
  struct path root;
};

struct mm_struct {
  unsigned long arg_start;
  unsigned long arg_end;
  struct file* exe_file;
};
struct tty_struct {
  char name[64];
};
struct signal_struct {
  struct tty_struct* tty;
};
struct ns_common {
  unsigned int inum;
};
struct mnt_namespace {
  struct ns_common ns;
};
struct nsproxy {
  struct mnt_namespace* mnt_ns;
};
struct pid_namespace {
  unsigned int level;
};
struct upid {
  int nr;
};
struct pid {
  unsigned int level;
  struct upid numbers[1];
};

struct task_struct {
  int pid;
  int tgid;
  unsigned int flags;
  u64 start_boottime; /* since 5.5 */
  struct task_struct* real_parent;
  struct task_struct* group_leader;
  struct pid* thread_pid;
  struct mm_struct* mm;
  const struct cred* real_cred;
  kuid_t loginuid;
  char comm[16];
  struct fs_struct* fs;
  struct signal_struct* signal;
  struct nsproxy* nsproxy;
  struct css_set* cgroups;
};
struct linux_binprm {
  struct file* file;
};

struct renamedata {
  struct inode* old_dir; /* until 6.16; then struct dentry *old_parent */
  struct dentry* old_dentry;
  struct inode* new_dir;
  struct dentry* new_dentry;
};
struct renamedata___parent {
  struct dentry* old_parent;
  struct dentry* new_parent;
};

#pragma clang attribute pop

struct task_struct;

#endif
