/* Data that moves inside the kernel: no buffer of this process ever holds it. */
#include "plumb_testprog.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens OTHER to read and PATH to write, moves, closes. */
typedef ssize_t (*move_fn)(int from, int to, size_t size);

static struct outcome move(const char* path, const char* other, move_fn how) {
  int from = open(other, O_RDONLY | O_CLOEXEC);
  if (from < 0) return failed();
  int to = open(path, O_WRONLY | O_CLOEXEC);
  struct stat source = {0};
  struct outcome outcome = to < 0 || fstat(from, &source) ? failed() : wrote(how(from, to, (size_t)source.st_size));
  close(from);
  if (to >= 0) close(to);
  return outcome;
}

static ssize_t by_copy_file_range(int from, int to, size_t size) {
  return copy_file_range(from, NULL, to, NULL, size, 0);
}

static ssize_t by_sendfile(int from, int to, size_t size) {
  return sendfile(to, from, NULL, size);
}

static ssize_t by_splice(int from, int to, size_t size) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC)) return -1;
  ssize_t in = splice(from, NULL, ends[1], NULL, size, 0);
  ssize_t out = in > 0 ? splice(ends[0], NULL, to, NULL, (size_t)in, 0) : in;
  close(ends[0]);
  close(ends[1]);
  return out;
}

/* Shares the blocks (btrfs, xfs); EOPNOTSUPP elsewhere. */
static ssize_t by_reflink(int from, int to, size_t size) {
  return ioctl(to, FICLONE, from) ? -1 : (ssize_t)size;
}

static struct outcome do_copy_file_range(const char* p, const char* o) {
  return move(p, o, by_copy_file_range);
}
static struct outcome do_sendfile(const char* p, const char* o) {
  return move(p, o, by_sendfile);
}
static struct outcome do_splice(const char* p, const char* o) {
  return move(p, o, by_splice);
}
static struct outcome do_reflink(const char* p, const char* o) {
  return move(p, o, by_reflink);
}

const struct trigger copy_triggers[] = {
    {"copy_file_range", do_copy_file_range, 2, "copy OTHER over PATH"},
    {"sendfile", do_sendfile, 2, "the same by sendfile"},
    {"splice", do_splice, 2, "the same through a pipe"},
    {"reflink", do_reflink, 2, "the same by FICLONE"},
    {NULL, NULL, 0, NULL},
};
