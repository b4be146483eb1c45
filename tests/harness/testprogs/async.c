/* Writes that another context of the kernel does for this process. */
#include "plumb_testprog.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* One write through a ring. `setup`: IORING_SETUP_ flags. `flags`: of the entry; IOSQE_ASYNC makes a worker thread do
 * it, IORING_SETUP_SQPOLL a polling kernel thread take it: the writer then is no thread that made a system call. */
static struct outcome through_ring(const char* path, unsigned setup, unsigned char flags) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return failed();
  struct io_uring ring;
  int error = io_uring_queue_init(4, &ring, setup);
  if (error) {
    close(fd);
    return (struct outcome){.error = -error};
  }
  struct io_uring_sqe* entry = io_uring_get_sqe(&ring);
  io_uring_prep_write(entry, fd, payload, (unsigned)payload_size(), 0);
  entry->flags |= flags;
  struct io_uring_cqe* done = NULL;
  error = io_uring_submit(&ring);
  if (error >= 0) error = io_uring_wait_cqe(&ring, &done);
  int result = error < 0 ? error : done->res;
  io_uring_queue_exit(&ring);
  close(fd);
  return result < 0 ? (struct outcome){.error = -result} : (struct outcome){.bytes = result};
}

static struct outcome do_io_uring(const char* path, const char* other) {
  (void)other;
  return through_ring(path, 0, 0);
}

static struct outcome do_io_uring_worker(const char* path, const char* other) {
  (void)other;
  return through_ring(path, 0, IOSQE_ASYNC);
}

static struct outcome do_io_uring_sqpoll(const char* path, const char* other) {
  (void)other;
  return through_ring(path, IORING_SETUP_SQPOLL, 0);
}

/* What libaio does, without libaio: it is three system calls. */
static struct outcome do_aio(const char* path, const char* other) {
  (void)other;
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return failed();
  aio_context_t context = 0;
  struct iocb request = {.aio_lio_opcode = IOCB_CMD_PWRITE,
                         .aio_fildes = (uint32_t)fd,
                         .aio_buf = (uint64_t)(uintptr_t)payload,
                         .aio_nbytes = payload_size()};
  struct iocb* requests[] = {&request};
  struct io_event event = {0};
  struct outcome outcome;
  if (syscall(SYS_io_setup, 1, &context))
    outcome = failed();
  else if (syscall(SYS_io_submit, context, 1, requests) != 1 ||
           syscall(SYS_io_getevents, context, 1, 1, &event, NULL) != 1)
    outcome = failed();
  else
    outcome = event.res < 0 ? (struct outcome){.error = (int)-event.res} : (struct outcome){.bytes = event.res};
  if (context) syscall(SYS_io_destroy, context);
  close(fd);
  return outcome;
}

const struct trigger async_triggers[] = {
    {"io_uring", do_io_uring, 1, "write through a ring"},
    {"io_uring_worker", do_io_uring_worker, 1, "the same, done by a worker thread"},
    {"io_uring_sqpoll", do_io_uring_sqpoll, 1, "the same, taken by a polling kernel thread"},
    {"aio", do_aio, 1, "io_submit"},
    {NULL, NULL, 0, NULL},
};
