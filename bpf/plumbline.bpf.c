/* SPDX-License-Identifier: GPL-2.0-only
 *
 * One object, one skeleton. The agent loads the files of the tier that its self-test chose. */
#include "bpf/process.bpf.h"
#include "bpf/file_ctime.bpf.h"
#include "bpf/file_fentry.bpf.h"

char LICENSE[] SEC("license") = "GPL";
