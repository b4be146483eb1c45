// The function that does the work of one that only hands its arguments on.
//
// A probe is a breakpoint in the place of an instruction, which the kernel then carries out itself where it can (push,
// call, jumps, nop: arch/x86/kernel/uprobes.c), and else lets the CPU carry out alone, which ends in a second trap. In
// a guest of a hypervisor that second trap leaves the guest: 11 µs instead of 0.9 (docs/benchmarks.md). SSL_write_ex()
// and SSL_read_ex() of OpenSSL 1.1.1 to 3.x begin with "sub $8, %rsp", and the functions they call with "push".
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/source/elf_file.hpp"

namespace plumbline::agent {

/// Where in memory the first instruction is that may stand for the function's beginning: its own, or the one behind an
/// endbr64, as arguments and return address still are where they were. nullopt where the kernel does not carry it out.
std::optional<std::uint64_t> cheap_start(const ElfFile& file, std::uint64_t function);

/// The function that this one calls with its own arguments, where it does nothing else: "sub or push, call, nothing
/// that writes memory or branches, ret". nullopt where it is anything else, or the other one does not begin cheaply.
std::optional<std::uint64_t> inner_function(const ElfFile& file, std::uint64_t function);

/// What the function calls or ends in directly. `size`: bytes of its body; beyond 4 KiB it is not read.
std::vector<std::uint64_t> called_by(const ElfFile& file, std::uint64_t function, std::uint64_t size);

}  // namespace plumbline::agent
