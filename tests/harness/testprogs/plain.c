/* Ordinary system calls, each by its own way into the kernel. */
#include "plumb_testprog.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Closes `fd` and keeps the outcome of the operation before it. */
static struct outcome closing(int fd, struct outcome outcome) {
  close(fd);
  return outcome;
}

static struct outcome of(int result) {
  return result ? failed() : (struct outcome){0};
}

static struct outcome do_write(const char* path, const char* other) {
  (void)other;
  int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
  return fd < 0 ? failed() : closing(fd, wrote(write(fd, payload, payload_size())));
}

static struct outcome do_append(const char* path, const char* other) {
  (void)other;
  int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
  return fd < 0 ? failed() : closing(fd, wrote(write(fd, payload, payload_size())));
}

static struct outcome do_create(const char* path, const char* other) {
  (void)other;
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  return fd < 0 ? failed() : closing(fd, wrote(write(fd, payload, payload_size())));
}

static struct outcome do_pwritev2(const char* path, const char* other) {
  (void)other;
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  struct iovec part = {.iov_base = (void*)payload, .iov_len = payload_size()};
  return fd < 0 ? failed() : closing(fd, wrote(pwritev2(fd, &part, 1, 0, RWF_DSYNC)));
}

static struct outcome do_truncate(const char* path, const char* other) {
  (void)other;
  return of(truncate(path, 1));
}

static struct outcome do_rename(const char* path, const char* other) {
  return of(rename(path, other));
}

static struct outcome do_rename_exchange(const char* path, const char* other) {
  return of((int)syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, other, RENAME_EXCHANGE));
}

/* What editors and config managers do: a new file beside the old one, then renamed over it. */
static struct outcome do_replace(const char* path, const char* other) {
  (void)other;
  char beside[4096];
  if (snprintf(beside, sizeof beside, "%s.new", path) >= (int)sizeof beside) {
    errno = ENAMETOOLONG;
    return failed();
  }
  struct outcome made = do_create(beside, NULL);
  if (made.error) return made;
  return rename(beside, path) ? failed() : made;
}

static struct outcome do_link(const char* path, const char* other) {
  return of(link(path, other));
}

static struct outcome do_unlink(const char* path, const char* other) {
  (void)other;
  return of(unlink(path));
}

/* One permission bit flips, so that the second call restores what the first changed. */
static struct outcome do_chmod(const char* path, const char* other) {
  (void)other;
  struct stat now;
  if (stat(path, &now)) return failed();
  return of(chmod(path, (now.st_mode & 07777) ^ 0022));
}

static struct outcome do_chown(const char* path, const char* other) {
  (void)other;
  struct stat now;
  if (stat(path, &now)) return failed();
  return of(chown(path, now.st_uid == 65534 ? 0 : 65534, (gid_t)-1));
}

static struct outcome do_setxattr(const char* path, const char* other) {
  (void)other;
  return of(setxattr(path, "trusted.plumb-testprog", payload, payload_size(), 0));
}

/* Times become what they were: content, owner and mode stay, only the change time moves. */
static struct outcome do_utimens(const char* path, const char* other) {
  (void)other;
  struct stat now;
  if (stat(path, &now)) return failed();
  const struct timespec same[2] = {now.st_atim, now.st_mtim};
  return of(utimensat(AT_FDCWD, path, same, 0));
}

/* A store into a shared mapping: no write call at all; the kernel learns of it by the page fault. */
static struct outcome store(const char* path, int sync) {
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return failed();
  struct stat now;
  if (fstat(fd, &now)) return closing(fd, failed());
  if (now.st_size == 0) return closing(fd, (struct outcome){.error = ENODATA}); /* nothing to map */
  size_t length = (size_t)now.st_size < payload_size() ? (size_t)now.st_size : payload_size();
  char* at = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) return closing(fd, failed());
  memcpy(at, payload, length);
  struct outcome outcome = sync && msync(at, length, MS_SYNC) ? failed() : wrote((long long)length);
  munmap(at, length);
  return closing(fd, outcome);
}

static struct outcome do_mmap(const char* path, const char* other) {
  (void)other;
  return store(path, 0);
}

static struct outcome do_mmap_msync(const char* path, const char* other) {
  (void)other;
  return store(path, 1);
}

static struct outcome allocate(const char* path, int mode, off_t length) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  return fd < 0 ? failed() : closing(fd, of(fallocate(fd, mode, 0, length)));
}

static struct outcome do_fallocate(const char* path, const char* other) {
  (void)other;
  return allocate(path, 0, 65536);
}

static struct outcome do_punch_hole(const char* path, const char* other) {
  (void)other;
  return allocate(path, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096);
}

/* The "no dump" flag flips: it changes nothing that anybody compares and needs no privilege that sticks. */
static struct outcome do_chattr(const char* path, const char* other) {
  (void)other;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed();
  int flags = 0;
  if (ioctl(fd, FS_IOC_GETFLAGS, &flags)) return closing(fd, failed());
  flags ^= FS_NODUMP_FL;
  return closing(fd, of(ioctl(fd, FS_IOC_SETFLAGS, &flags)));
}

const struct trigger plain_triggers[] = {
    {"write", do_write, 1, "open with O_TRUNC, write"},
    {"append", do_append, 1, "write with O_APPEND"},
    {"create", do_create, 1, "make a new file"},
    {"pwritev2", do_pwritev2, 1, "pwritev2 with RWF_DSYNC"},
    {"truncate", do_truncate, 1, "truncate to one byte"},
    {"replace", do_replace, 1, "write PATH.new, rename it over PATH"},
    {"rename", do_rename, 2, "rename PATH to OTHER"},
    {"rename_exchange", do_rename_exchange, 2, "swap PATH and OTHER"},
    {"link", do_link, 2, "hard link OTHER to PATH"},
    {"unlink", do_unlink, 1, "delete"},
    {"chmod", do_chmod, 1, "flip group and other write bits"},
    {"chown", do_chown, 1, "owner to nobody, or back to root"},
    {"setxattr", do_setxattr, 1, "set trusted.plumb-testprog"},
    {"utimens", do_utimens, 1, "set both times to what they are"},
    {"mmap", do_mmap, 1, "store into a shared mapping"},
    {"mmap_msync", do_mmap_msync, 1, "the same, then msync"},
    {"fallocate", do_fallocate, 1, "grow to 64 KiB"},
    {"punch_hole", do_punch_hole, 1, "zero the first 4 KiB"},
    {"chattr", do_chattr, 1, "flip the no-dump flag by FS_IOC_SETFLAGS"},
    {NULL, NULL, 0, NULL},
};
