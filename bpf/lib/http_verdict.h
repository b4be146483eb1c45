/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Which HTTP a message's first bytes begin. */
#ifndef PLUMBLINE_BPF_HTTP_VERDICT_H
#define PLUMBLINE_BPF_HTTP_VERDICT_H

#include "bpf/lib/kernel_types.h"
#include "include/abi/capture.h"

/* By the first four bytes of a call or a segment: RFC 9110, section 9.3; RFC 9113, section 3.4. */
static __always_inline __u32 verdict_of(__u32 word, bool* is_request) {
#define WORD(a, b, c, d) ((__u32)(a) | (__u32)(b) << 8 | (__u32)(c) << 16 | (__u32)(d) << 24)
  *is_request = 1;
  if (word == WORD('P', 'R', 'I', ' ')) return CAPTURE_HTTP2;
  if (word == WORD('G', 'E', 'T', ' ') || word == WORD('P', 'O', 'S', 'T') || word == WORD('P', 'U', 'T', ' ') ||
      word == WORD('P', 'A', 'T', 'C') || word == WORD('D', 'E', 'L', 'E') || word == WORD('H', 'E', 'A', 'D') ||
      word == WORD('O', 'P', 'T', 'I'))
    return CAPTURE_HTTP1;
  *is_request = 0;
  if (word == WORD('H', 'T', 'T', 'P')) return CAPTURE_HTTP1;
#undef WORD
  return CAPTURE_IGNORED;
}

#endif
