#include "agent/source/machine_code.hpp"

#include <algorithm>

namespace plumbline::agent {

std::optional<std::uint64_t> Instruction::target() const {
  ZyanU64 to = 0;
  if (what.operand_count_visible == 0 || operands[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
      operands[0].imm.is_relative == 0 || !ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&what, operands.data(), address, &to)))
    return std::nullopt;
  return to;
}

bool Instruction::branches() const {
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

bool Instruction::writes_memory() const {
  return std::any_of(operands.begin(), operands.begin() + what.operand_count, [](const ZydisDecodedOperand& each) {
    return each.type == ZYDIS_OPERAND_TYPE_MEMORY && (each.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
  });
}

bool Instruction::writes(ZydisRegister reg) const {
  return std::any_of(operands.begin(), operands.begin() + what.operand_count, [&](const ZydisDecodedOperand& each) {
    return each.type == ZYDIS_OPERAND_TYPE_REGISTER && (each.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0 &&
           ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, each.reg.value) == reg;
  });
}

Code::Code(const ElfFile& file, std::uint64_t address, std::uint64_t size) : address_(address) {
  ZydisDecoderInit(&decoder_, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  const auto offset = file.offset_of(address);
  if (!offset || *offset >= file.size()) return;
  bytes_.resize(std::min(size, file.size() - *offset));
  if (!file.read(*offset, bytes_)) bytes_.clear();
}

std::optional<Instruction> Code::next() {
  Instruction found;
  found.address = address_ + at_;
  if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder_, bytes_.data() + at_, bytes_.size() - at_, &found.what,
                                           found.operands.data())))
    return std::nullopt;
  at_ += found.what.length;
  return found;
}

}  // namespace plumbline::agent
