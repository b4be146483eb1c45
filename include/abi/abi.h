/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * The whole contract between bpf/ and the agent: fixed width, natural alignment, no hidden padding. Bump
 * PLUMBLINE_ABI_VERSION with every change: an agent that finds other pins replaces them instead of adopting them. */
#ifndef PLUMBLINE_ABI_ABI_H
#define PLUMBLINE_ABI_ABI_H

#ifdef __bpf__
#include "bpf/lib/kernel_types.h"
#else
#include <linux/types.h>
#endif

#define PLUMBLINE_ABI_VERSION 4

#define PLUMBLINE_COMM_LEN 16
#define PLUMBLINE_PATH_LEN 512 /* bytes kept of an executable's path; longer ones are flagged */
#define PLUMBLINE_ARGV_LEN 512 /* bytes kept of argv; longer ones are flagged */
#define PLUMBLINE_REGISTRAR_KEYS 4

/* One inode, as the kernel itself tells inodes apart. Not stat()'s (st_dev, st_ino): on btrfs and overlay those differ.
 */
struct mark_key {
  __u64 ino;       /* inode->i_ino */
  __u64 subvolume; /* btrfs: root id, as every subvolume has its own inode 257; 0 elsewhere */
  __u32 dev;       /* inode->i_sb->s_dev, kernel encoding (major << 20 | minor) */
  __u32 reserved;  /* 0 */
};

/* What a process executes, from one exec to the next. */
struct image_key {
  __u64 exec_boot_ns; /* when the image was loaded; 0 = none known */
  __u32 tgid;         /* who loaded it; children share it until they exec themselves */
  __u32 reserved;
};

/* Which hook saw a change. Order is ABI. */
enum mark_hook {
  MARK_HOOK_NONE = 0,
  MARK_HOOK_CTIME,      /* tp_btf/ctime_ns_xchg */
  MARK_HOOK_CTIME_SKIP, /* tp_btf/ctime_xchg_skip */
  MARK_HOOK_CTIME_SET,  /* tp_btf/inode_set_ctime_to_ts */
  MARK_HOOK_CONTENT, /* fentry: file_modified, kiocb_modified, file_update_time, generic_write_checks, vfs_fallocate */
  MARK_HOOK_ATTRIBUTE, /* fentry: notify_change, xattr, file attributes */
  MARK_HOOK_NAME,      /* fentry/fexit: create, link, unlink, rename, … */
};

/* Who made a change, copied while it happened. */
struct mark_actor {
  __u64 at_boot_ns;       /* bpf_ktime_get_boot_ns(); 0 = no actor was written yet */
  __u64 start_boot_ns;    /* start of the thread group leader: with tgid the name of a process */
  __u64 cgroup_id;        /* of the unified (v2) hierarchy */
  __u64 cgroup_v1_id;     /* of the pids controller where it is on a v1 hierarchy, else 0 */
  struct mark_key exe;    /* inode of mm->exe_file; all 0 for a kernel thread */
  struct image_key image; /* what it executed then: it may execute something else before the change is read */
  __u32 tgid;             /* in the initial pid namespace, as all ids here */
  __u32 tid;
  __u32 uid;       /* real_cred: overlayfs overrides cred while it copies up */
  __u32 login_uid; /* 0xffffffff = not set */
  __u32 mount_ns;  /* inode number of the mount namespace */
  __u32 hook;      /* enum mark_hook */
  char comm[PLUMBLINE_COMM_LEN];
};

/* Value of the mark map. User space inserts and deletes entries and never updates one: the kernel side owns the rest.
 */
struct mark {
  __u32 slot;       /* index into mark_states */
  __u32 generation; /* inode->i_generation when it was marked: inode numbers are reused at once */
  __u64 path_hash;  /* of the path it was marked for, so that a restarted agent knows a replaced file's old mark */
  __u32 writer;     /* 1 while a CPU writes the actors; a second CPU then counts itself as raced instead */
  __u32 handovers;  /* since `first`: changes by another program than that of the change before */
  __u64 raced;      /* changes whose actor was given up to another CPU's; never reset */
  struct mark_actor first; /* of the first change since the last acknowledgement */
  struct mark_actor last;  /* of the latest */
};

/* Memory-mapped by the agent. A change is pending while pending != handled. */
struct mark_state {
  __u64 pending; /* generation seen: +1 a change, written by the kernel side */
  __u64 handled; /* generation acknowledged, written by the agent */
};

/* Memory-mapped, one entry. The agent's own statx() in thread registrar_tid makes the kernel side leave here the keys
 * of the real inodes that it touched (overlay: the lower or upper one). */
struct registered_inode {
  struct mark_key key;
  __u32 generation;
  __u32 mode; /* inode->i_mode */
};
struct control {
  __u32 abi_version;
  __u32 registrar_tid; /* 0 = nobody registers */
  __u64 epoch;         /* random, made with the maps: generations are comparable only within one epoch */
  __u64 object_hash;   /* of the BPF object whose programs are pinned beside the maps */
  __u32 registered;    /* number of inodes; may exceed the array: the rest did not fit */
  __u32 reserved;
  struct registered_inode inodes[PLUMBLINE_REGISTRAR_KEYS];
  /* Counters, all from the kernel side, all monotonic. */
  __u64 changes;        /* changes of marked inodes */
  __u64 wakes;          /* wake records written */
  __u64 wakes_lost;     /* … that found the ring full: the agent then sweeps mark_states */
  __u64 actors_raced;   /* changes whose actor another CPU was just writing */
  __u64 processes_lost; /* fork/exec entries that could not be stored */
  __u64 cgroups_lost;   /* cgroup_mkdir records that found the ring full */
};

/* Records of the ring buffer. */
enum event_type {
  EVENT_WAKE = 1,
  EVENT_CGROUP = 2,
};
struct wake_event {
  __u32 type; /* EVENT_WAKE */
  __u32 slot;
};
#define PLUMBLINE_CGROUP_PATH_LEN 256
struct cgroup_event {
  __u32 type;     /* EVENT_CGROUP */
  __u32 path_len; /* without the NUL; == PLUMBLINE_CGROUP_PATH_LEN - 1 may mean cut */
  __u64 id;       /* unique within its hierarchy only */
  __u32 v1; /* 1 = of the v1 hierarchy that has the pids controller, 0 = of the unified one; others are not told */
  __u32 reserved;
  char path[PLUMBLINE_CGROUP_PATH_LEN];
};

/* Process table: who forked whom. Entries stay after exit until the LRU needs their place. */
struct process_key {
  __u64 start_boot_ns;
  __u32 tgid;
  __u32 reserved;
};
struct process {
  struct process_key parent;     /* who forked it (not the reaper that adopts it later); all 0 = none */
  struct image_key parent_image; /* what the parent executed when it forked: lineage is not what it became later */
  struct image_key image;
  __u64 exit_boot_ns; /* 0 = runs */
  __u64 cgroup_id;
  __u64 cgroup_v1_id;
  __u32 uid;
  __u32 login_uid;
  __u32 mount_ns;
  __u32 pid_ns_init; /* 1 = pid 1 of its pid namespace: lineage ends at it */
  char comm[PLUMBLINE_COMM_LEN];
  char tty[16];
};
struct image {
  struct mark_key exe;
  __u64 exe_ctime_ns; /* inode change time of exe when it was executed, ns since 1970: what it holds later may differ */
  __u32 exe_generation;
  __u16 path_len; /* bytes used of path */
  __u16 argv_len;
  __u8 path_cut;
  __u8 argv_cut;
  __u8 reserved[6];
  char path[PLUMBLINE_PATH_LEN]; /* components from the leaf to the root, each with its NUL: "vi\0bin\0usr\0" */
  char argv[PLUMBLINE_ARGV_LEN]; /* as in /proc/PID/cmdline */
};

#ifdef __cplusplus
#define PLUMBLINE_ABI_ASSERT(cond) static_assert(cond, #cond)
#else
#define PLUMBLINE_ABI_ASSERT(cond) _Static_assert(cond, #cond)
#endif
PLUMBLINE_ABI_ASSERT(sizeof(struct mark_key) == 24);
PLUMBLINE_ABI_ASSERT(sizeof(struct mark_actor) == 112);
PLUMBLINE_ABI_ASSERT(sizeof(struct mark) == 32 + 2 * 112);
PLUMBLINE_ABI_ASSERT(sizeof(struct mark_state) == 16);
PLUMBLINE_ABI_ASSERT(sizeof(struct registered_inode) == 32);
PLUMBLINE_ABI_ASSERT(sizeof(struct control) == 32 + 4 * 32 + 6 * 8);
PLUMBLINE_ABI_ASSERT(sizeof(struct process) == 16 + 16 + 16 + 24 + 16 + 32);
PLUMBLINE_ABI_ASSERT(sizeof(struct image) == 24 + 8 + 16 + 512 + 512);

#endif
