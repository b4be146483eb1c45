// Reads a function of an ELF file as instructions (x86-64).
#pragma once

#include <Zydis/Zydis.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "agent/source/elf_file.hpp"

namespace plumbline::agent {

struct Instruction {
  std::uint64_t address = 0;
  ZydisDecodedInstruction what{};
  std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands{};

  bool is(ZydisMnemonic mnemonic) const { return what.mnemonic == mnemonic; }
  std::uint64_t end() const { return address + what.length; }
  /// Of a direct call or jump; nullopt where it is none.
  std::optional<std::uint64_t> target() const;
  bool branches() const;  ///< calls and returns, too
  bool writes_memory() const;
  /// `reg`: one of 64 bits; whether the instruction changes it or a part of it.
  bool writes(ZydisRegister reg) const;
};

/// Instructions one after the other, until one cannot be read.
class Code {
 public:
  /// `size`: bytes from `address` on, at most to the end of the file.
  Code(const ElfFile& file, std::uint64_t address, std::uint64_t size);
  std::optional<Instruction> next();

 private:
  ZydisDecoder decoder_{};
  std::uint64_t address_;
  std::vector<std::byte> bytes_;
  std::size_t at_ = 0;
};

}  // namespace plumbline::agent
