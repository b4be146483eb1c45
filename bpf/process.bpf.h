/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The process table: who forked whom and what each executes, so that a change's actor has its lineage and argv even
 * when it lived for a millisecond. Kept in LRU maps, without a record to user space: an exec storm elsewhere on the
 * node does not wake the agent. Raw tracepoints: they fire inside the acting task and exist since 5.5 with BTF. */
#include "bpf/lib/mark.h"
#include <bpf/bpf_tracing.h>

#define MAX_COMPONENTS 32

static __always_inline void fill_process(struct process* p, struct task_struct* task) {
  p->cgroup_id = task_cgroup_id(task);
  p->cgroup_v1_id = task_cgroup_v1_id(task);
  p->uid = BPF_CORE_READ(task, real_cred, uid.val);
  p->login_uid = BPF_CORE_READ(task, loginuid.val);
  p->mount_ns = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
  struct pid* pid = BPF_CORE_READ(task, thread_pid);
  unsigned int level = BPF_CORE_READ(pid, level);
  /* numbers[level], by the kernel's own size of an element: an index is not what CO-RE relocates. nr comes first. */
  int innermost = 0;
  if (level < 32)
    bpf_probe_read_kernel(&innermost, sizeof(innermost),
                          (char*)pid + bpf_core_field_offset(struct pid, numbers) +
                              level * bpf_core_type_size(struct upid) + bpf_core_field_offset(struct upid, nr));
  p->pid_ns_init = innermost == 1;
  BPF_CORE_READ_STR_INTO(&p->comm, task, comm);
  struct tty_struct* tty = BPF_CORE_READ(task, signal, tty);
  if (tty) bpf_core_read_str(p->tty, sizeof(p->tty), &tty->name);
}

/* Children take over their parent's image. Threads are not processes. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct* parent, struct task_struct* child) {
  if (BPF_CORE_READ(child, pid) != BPF_CORE_READ(child, tgid)) return 0;
  struct process_key key;
  task_process_key(child, &key);
  struct process p = {};
  task_process_key(parent, &p.parent); /* not real_parent: CLONE_PARENT would hide who forked */
  fill_process(&p, child);
  struct process* forker = bpf_map_lookup_elem(&processes, &p.parent);
  if (forker) p.image = p.parent_image = forker->image;
  if (bpf_map_update_elem(&processes, &key, &p, BPF_ANY) != 0) {
    struct control* c = control();
    if (c) __sync_fetch_and_add(&c->processes_lost, 1);
  }
  return 0;
}

/* Walks to the root of the mount tree; cut paths are flagged, never guessed. Destination offset 0 of a map value is
 * avoided on purpose nowhere else than here: kernels 5.8 to 6.1 can oops on a string read into a page-aligned address
 * (commit 8678ea06852c), and image.path does not start its value. */
static __always_inline void fill_path(struct image* image, struct file* file) {
  struct dentry* dentry = BPF_CORE_READ(file, f_path.dentry);
  struct vfsmount* vfs = BPF_CORE_READ(file, f_path.mnt);
  struct mount* mnt = (void*)vfs - bpf_core_field_offset(struct mount, mnt);
  __u32 used = 0;
  image->path_cut = 1;
  for (int i = 0; i < MAX_COMPONENTS; i++) {
    struct dentry* mount_root = BPF_CORE_READ(mnt, mnt.mnt_root);
    struct dentry* parent = BPF_CORE_READ(dentry, d_parent);
    if (dentry == mount_root || dentry == parent) {
      struct mount* above = BPF_CORE_READ(mnt, mnt_parent);
      if (above == mnt || !above) {
        image->path_cut = 0;
        break;
      }
      dentry = BPF_CORE_READ(mnt, mnt_mountpoint);
      mnt = above;
      continue;
    }
    if (used >= PLUMBLINE_PATH_LEN - 256) break;
    const unsigned char* name = BPF_CORE_READ(dentry, d_name.name);
    long length = bpf_probe_read_kernel_str(&image->path[used & (PLUMBLINE_PATH_LEN - 1)], 256, name);
    if (length <= 0) break;
    used += length & 0x1ff;
    dentry = parent;
  }
  image->path_len = used;
}

static __always_inline void fill_argv(struct image* image, struct task_struct* task) {
  unsigned long start = BPF_CORE_READ(task, mm, arg_start);
  unsigned long end = BPF_CORE_READ(task, mm, arg_end);
  unsigned long length = end - start;
  image->argv_len = 0;
  image->argv_cut = 0;
  if (end <= start) return;
  if (length > PLUMBLINE_ARGV_LEN) {
    length = PLUMBLINE_ARGV_LEN;
    image->argv_cut = 1;
  }
  /* Fails only where the page is not present; then argv is unknown, and says so by being empty. */
  if (bpf_probe_read_user(image->argv, length & 0x3ff, (void*)start) == 0) image->argv_len = length;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct* task, int old_pid, struct linux_binprm* bprm) {
  __u32 zero = 0;
  struct image* image = bpf_map_lookup_elem(&image_scratch, &zero);
  if (!image) return 0;
  struct image_key image_key = {.exec_boot_ns = bpf_ktime_get_boot_ns(), .tgid = BPF_CORE_READ(task, tgid)};
  image->exe_generation = 0;
  task_exe(task, &image->exe, &image->exe_generation);
  image->exe_ctime_ns = inode_ctime_ns(BPF_CORE_READ(task, mm, exe_file, f_inode));
  fill_path(image, BPF_CORE_READ(task, mm, exe_file));
  fill_argv(image, task);
  long failed = bpf_map_update_elem(&images, &image_key, image, BPF_ANY);

  struct process_key key;
  task_process_key(task, &key);
  struct process p = {};
  struct process* known = bpf_map_lookup_elem(&processes, &key);
  if (known) {
    p.parent = known->parent;
    p.parent_image = known->parent_image;
  } else {
    task_process_key(BPF_CORE_READ(task, real_parent), &p.parent);
  }
  fill_process(&p, task);
  p.image = image_key;
  failed |= bpf_map_update_elem(&processes, &key, &p, BPF_ANY);
  if (failed) {
    struct control* c = control();
    if (c) __sync_fetch_and_add(&c->processes_lost, 1);
  }
  return 0;
}

/* The group leader; the entry stays, since a change is often read after its author ended. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct* task) {
  if (BPF_CORE_READ(task, pid) != BPF_CORE_READ(task, tgid)) return 0;
  struct process_key key;
  task_process_key(task, &key);
  struct process* p = bpf_map_lookup_elem(&processes, &key);
  if (p) p->exit_boot_ns = bpf_ktime_get_boot_ns();
  return 0;
}

/* Gives a cgroup id its path before the first process enters it. */
SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(on_cgroup_mkdir, struct cgroup* cgroup, const char* path) {
  struct control* c = control();
  if (!c) return 0;
  __u32 v1 = BPF_CORE_READ(cgroup, root, hierarchy_id) != 0;
  if (v1) {
    /* Of the v1 hierarchies only the one that an actor's cgroup_v1_id is of: ids repeat from one to the next. */
    int index = pids_controller();
    struct cgroup_subsys_state* css = 0;
    if (index >= 0) bpf_core_read(&css, sizeof(css), &cgroup->subsys[index]);
    if (!css) return 0;
  }
  emit_cgroup(c, BPF_CORE_READ(cgroup, kn, id), v1, path);
  return 0;
}

/* At the agent's start: everybody who already runs, straight into the table. */
SEC("iter/task")
int list_processes(struct bpf_iter__task* ctx) {
  struct task_struct* task = ctx->task;
  if (!task || BPF_CORE_READ(task, pid) != BPF_CORE_READ(task, tgid)) return 0;
  struct process_key key;
  task_process_key(task, &key);
  if (bpf_map_lookup_elem(&processes, &key)) return 0;
  struct process p = {};
  task_process_key(BPF_CORE_READ(task, real_parent), &p.parent);
  fill_process(&p, task);
  /* A stand-in for the exec that nobody saw: the agent fills this image from /proc, children inherit the key. */
  p.image.exec_boot_ns = key.start_boot_ns;
  p.image.tgid = key.tgid;
  if (bpf_map_update_elem(&processes, &key, &p, BPF_NOEXIST) != 0) {
    struct control* c = control();
    if (c) __sync_fetch_and_add(&c->processes_lost, 1);
  }
  return 0;
}
