// crypto/tls in programs made by Go, stripped ones too.
#pragma once

#include <vector>

#include "agent/source/elf_file.hpp"
#include "include/util/result.hpp"

namespace plumbline::agent {

struct TlsHook;

/// Hooks of (*crypto/tls.Conn).Write and Read: entries by Go's own table of functions (pclntab, which stripping leaves:
/// go/src/internal/abi/symtab.go, runtime/symtab.go; the layouts of Go 1.18 and of 1.20), behind the check of
/// the stack, and each RET instruction of Read, as a uretprobe would break on Go's moving stacks. Empty: it is no Go
/// program, or has no crypto/tls. `unsupported`: one of a Go whose register ABI we do not know (before 1.17; not
/// amd64).
Result<std::vector<TlsHook>> find_go_hooks(const ElfFile& file);

}  // namespace plumbline::agent
