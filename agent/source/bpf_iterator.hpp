// Runs a BPF iterator through.
#pragma once

#include <bpf/libbpf.h>

namespace plumbline::agent {

/// Calls an iterator of a loaded object once for each thing that it is of; what it writes for readers is dropped.
/// Returns 0 or an errno. Any thread.
int run_iterator(const bpf_program* iterator);

}  // namespace plumbline::agent
