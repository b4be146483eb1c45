// Where the probes of a function can stand.
//
// The kernel takes none at an instruction with the prefix of a segment (is_prefix_bad() of arch/x86/kernel/uprobes.c),
// and says so only to who asks while the file is mapped: else the function's calls are not seen, and nobody is told.
// Assemblers pad with such prefixes (GNU as -mbranches-within-32B-boundaries): s2n_recv() of AWS' common runtime for
// Python begins with "cs cs cs cs push %r12".
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/source/elf_file.hpp"

namespace plumbline::agent {

struct ProbePlaces {
  std::uint64_t entry = 0;             ///< address: a call's arguments still are where they were
  std::vector<std::uint64_t> returns;  ///< addresses of all its RETs; empty: a uretprobe at `entry`, its very beginning
};

/// nullopt where the kernel would not take the function's beginning and no other place does: one further on to which
/// nothing jumps and, where `wants_returns`, all its RETs, in a body of a known size (at most 4 KiB) that ends nowhere
/// else.
std::optional<ProbePlaces> probe_places(const ElfFile& file, const ElfFile::Symbol& function, bool wants_returns);

}  // namespace plumbline::agent
