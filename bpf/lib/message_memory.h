/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Where in a program's memory a message of a socket lies. */
#ifndef PLUMBLINE_BPF_MESSAGE_MEMORY_H
#define PLUMBLINE_BPF_MESSAGE_MEMORY_H

#include "bpf/lib/network_types.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/* The present piece of it, and how far in it the kernel is; 0 where it is no memory of a program's. `*room`: bytes of
 * the piece from there on, left as it is where there is but one. The numbers of the kinds moved in 6.4, and the lists'
 * field was renamed. */
static __always_inline const void* present_piece(struct msghdr* msg, size_t* offset, size_t* room) {
  enum iter_type___local { ITER_UBUF, ITER_IOVEC };
  struct iov_iter* iter = &msg->msg_iter;
  __u8 type = BPF_CORE_READ(iter, iter_type);
  *offset = BPF_CORE_READ(iter, iov_offset);
  if (bpf_core_enum_value_exists(enum iter_type___local, ITER_UBUF) &&
      type == bpf_core_enum_value(enum iter_type___local, ITER_UBUF)) {
    struct iov_iter___ubuf* one = (void*)iter;
    return BPF_CORE_READ(one, ubuf);
  }
  if (type != bpf_core_enum_value(enum iter_type___local, ITER_IOVEC)) return 0;
  struct iov_iter___plain* plain = (void*)iter;
  struct iov_iter___hidden* hidden = (void*)iter;
  const struct iovec* list =
      bpf_core_field_exists(hidden->__iov) ? BPF_CORE_READ(hidden, __iov) : BPF_CORE_READ(plain, iov);
  size_t here = BPF_CORE_READ(list, iov_len) - *offset;
  if (here < *room) *room = here;
  return BPF_CORE_READ(list, iov_base);
}

#endif
