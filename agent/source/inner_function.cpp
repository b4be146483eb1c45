#include "agent/source/inner_function.hpp"

#include <algorithm>

#include "agent/source/machine_code.hpp"

namespace plumbline::agent {
namespace {

constexpr std::uint64_t max_wrapper = 64;  // bytes: those of OpenSSL have 29
constexpr std::uint64_t max_body = 4096;

/// push_setup_xol_ops() of arch/x86/kernel/uprobes.c: a register, and no prefix but the one that the upper ones need.
bool is_pushed_register(const Instruction& instruction) {
  return instruction.is(ZYDIS_MNEMONIC_PUSH) && instruction.operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
         instruction.what.opcode >= 0x50 && instruction.what.opcode <= 0x57 && instruction.what.length <= 2;
}

}  // namespace

std::optional<std::uint64_t> cheap_start(const ElfFile& file, std::uint64_t function) {
  Code code(file, function, 2 * ZYDIS_MAX_INSTRUCTION_LENGTH);
  auto first = code.next();
  if (first && first->is(ZYDIS_MNEMONIC_ENDBR64)) first = code.next();
  if (!first || !is_pushed_register(*first)) return std::nullopt;
  return first->address;
}

std::optional<std::uint64_t> inner_function(const ElfFile& file, std::uint64_t function) {
  Code code(file, function, max_wrapper);
  auto at = code.next();
  if (at && at->is(ZYDIS_MNEMONIC_ENDBR64)) at = code.next();
  const bool aligns_stack =
      at && (is_pushed_register(*at) ||
             (at->is(ZYDIS_MNEMONIC_SUB) && at->operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
              at->operands[0].reg.value == ZYDIS_REGISTER_RSP && at->operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE));
  if (!aligns_stack) return std::nullopt;
  at = code.next();
  if (!at || !at->is(ZYDIS_MNEMONIC_CALL)) return std::nullopt;
  const auto inner = at->target();
  if (!inner || !cheap_start(file, *inner)) return std::nullopt;
  while ((at = code.next())) {
    if (at->is(ZYDIS_MNEMONIC_RET)) return inner;
    if (at->branches() || at->writes_memory()) return std::nullopt;
  }
  return std::nullopt;
}

std::vector<std::uint64_t> called_by(const ElfFile& file, std::uint64_t function, std::uint64_t size) {
  std::vector<std::uint64_t> found;
  Code code(file, function, std::min(size, max_body));
  while (const auto at = code.next())
    if (at->is(ZYDIS_MNEMONIC_CALL) || at->is(ZYDIS_MNEMONIC_JMP))
      if (const auto to = at->target()) found.push_back(*to);
  return found;
}

}  // namespace plumbline::agent
