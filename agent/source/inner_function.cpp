#include "agent/source/inner_function.hpp"

#include <Zydis/Zydis.h>

#include <algorithm>
#include <array>
#include <span>
#include <vector>

namespace plumbline::agent {
namespace {

constexpr std::uint64_t max_wrapper = 64;  // bytes: those of OpenSSL have 29
constexpr std::uint64_t max_body = 4096;

struct Instruction {
  std::uint64_t address = 0;
  ZydisDecodedInstruction what{};
  std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands{};

  bool is(ZydisMnemonic mnemonic) const { return what.mnemonic == mnemonic; }
  /// Of a direct call or jump; nullopt where it is none.
  std::optional<std::uint64_t> target() const {
    ZyanU64 to = 0;
    if (what.operand_count_visible == 0 || operands[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
        operands[0].imm.is_relative == 0 ||
        !ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&what, operands.data(), address, &to)))
      return std::nullopt;
    return to;
  }
  bool branches() const {
    switch (what.meta.category) {
      case ZYDIS_CATEGORY_CALL:
      case ZYDIS_CATEGORY_COND_BR:
      case ZYDIS_CATEGORY_UNCOND_BR:
      case ZYDIS_CATEGORY_RET:
      case ZYDIS_CATEGORY_SYSCALL:
      case ZYDIS_CATEGORY_INTERRUPT:
        return true;
      default:
        return false;
    }
  }
  bool writes_memory() const {
    return std::any_of(operands.begin(), operands.begin() + what.operand_count, [](const ZydisDecodedOperand& each) {
      return each.type == ZYDIS_OPERAND_TYPE_MEMORY && (each.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
    });
  }
};

/// Instructions one after the other, until one cannot be read.
class Code {
 public:
  Code(const ElfFile& file, std::uint64_t address, std::uint64_t size) : address_(address) {
    ZydisDecoderInit(&decoder_, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    const auto offset = file.offset_of(address);
    if (!offset || *offset >= file.size()) return;
    bytes_.resize(std::min(size, file.size() - *offset));
    if (!file.read(*offset, bytes_)) bytes_.clear();
  }
  std::optional<Instruction> next() {
    Instruction found;
    found.address = address_ + at_;
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder_, bytes_.data() + at_, bytes_.size() - at_, &found.what,
                                             found.operands.data())))
      return std::nullopt;
    at_ += found.what.length;
    return found;
  }

 private:
  ZydisDecoder decoder_{};
  std::uint64_t address_;
  std::vector<std::byte> bytes_;
  std::size_t at_ = 0;
};

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
