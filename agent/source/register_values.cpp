#include "agent/source/register_values.hpp"

#include <map>
#include <optional>

namespace plumbline::agent {
namespace {

constexpr std::array passed{ZYDIS_REGISTER_RDI, ZYDIS_REGISTER_RSI, ZYDIS_REGISTER_RDX,
                            ZYDIS_REGISTER_RCX, ZYDIS_REGISTER_R8,  ZYDIS_REGISTER_R9};
constexpr std::array not_kept{ZYDIS_REGISTER_RAX, ZYDIS_REGISTER_RCX, ZYDIS_REGISTER_RDX,
                              ZYDIS_REGISTER_RSI, ZYDIS_REGISTER_RDI, ZYDIS_REGISTER_R8,
                              ZYDIS_REGISTER_R9,  ZYDIS_REGISTER_R10, ZYDIS_REGISTER_R11};

ZydisRegister whole(ZydisRegister reg) {
  return ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
}
/// Its number; nullopt where it is no general register.
std::optional<std::size_t> number_of(ZydisRegister reg) {
  if (reg < ZYDIS_REGISTER_RAX || reg > ZYDIS_REGISTER_R15) return std::nullopt;
  return static_cast<std::size_t>(reg - ZYDIS_REGISTER_RAX);
}

}  // namespace

RegisterValues::RegisterValues() : values_{} {
  for (std::size_t i = 0; i < passed.size(); ++i) set(passed[i], {RegisterValue::argument, i});
  set(ZYDIS_REGISTER_RSP, {RegisterValue::stack, 0});
}

RegisterValue RegisterValues::of(ZydisRegister reg) const {
  const auto number = number_of(reg);
  return number ? values_[*number] : RegisterValue{};
}

void RegisterValues::set(ZydisRegister reg, RegisterValue value) {
  if (const auto number = number_of(reg)) values_[*number] = value;
}

void RegisterValues::forget() {
  values_.fill({});
  set(ZYDIS_REGISTER_RSP, {RegisterValue::stack, 0});
}

void RegisterValues::meet(const RegisterValues& other) {
  for (std::size_t i = 0; i < values_.size(); ++i)
    if (values_[i] != other.values_[i]) values_[i] = {};
}

/// Of one that writes a whole register, or its lower half.
RegisterValue RegisterValues::result_of(const Instruction& instruction) const {
  const auto& from = instruction.operands[1];
  const bool is_wide = instruction.operands[0].size == 64;
  const bool is_register = from.type == ZYDIS_OPERAND_TYPE_REGISTER;
  switch (instruction.what.mnemonic) {
    case ZYDIS_MNEMONIC_MOV:
    case ZYDIS_MNEMONIC_MOVSXD: {
      RegisterValue value;
      if (from.type == ZYDIS_OPERAND_TYPE_IMMEDIATE) value = {RegisterValue::number, from.imm.value.u};
      if (is_register && from.size >= 32) value = of(whole(from.reg.value));
      const bool is_cut = !is_wide || from.size == 32;
      if (value.kind == RegisterValue::stack && is_cut) return {};
      if (value.kind != RegisterValue::number || !is_cut || !is_register) return value;
      const auto half = static_cast<std::uint32_t>(value.value);
      const auto widened = static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int32_t>(half)));
      return {RegisterValue::number, instruction.is(ZYDIS_MNEMONIC_MOVSXD) && is_wide ? widened : half};
    }
    case ZYDIS_MNEMONIC_LEA: {
      ZyanU64 address = 0;
      if (!is_wide || from.mem.index != ZYDIS_REGISTER_NONE) return {};
      if (from.mem.base == ZYDIS_REGISTER_RIP &&
          ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&instruction.what, &from, instruction.address, &address)))
        return {RegisterValue::number, address};
      return of(from.mem.base).kind == RegisterValue::stack ? RegisterValue{RegisterValue::stack, 0} : RegisterValue{};
    }
    case ZYDIS_MNEMONIC_XOR:
      if (is_register && from.reg.value == instruction.operands[0].reg.value) return {RegisterValue::number, 0};
      return {};
    default:
      return {};
  }
}

void RegisterValues::step(const Instruction& instruction) {
  if (instruction.is(ZYDIS_MNEMONIC_CALL)) {
    for (const auto reg : not_kept) set(reg, {});
    return;
  }
  const auto& to = instruction.operands[0];
  const bool is_plain = instruction.what.operand_count_visible == 2 && to.type == ZYDIS_OPERAND_TYPE_REGISTER &&
                        to.size >= 32 && (to.actions & ZYDIS_OPERAND_ACTION_WRITE) != 0;
  const RegisterValue result = is_plain ? result_of(instruction) : RegisterValue{};
  for (std::size_t i = 0; i < instruction.what.operand_count; ++i) {
    const auto& each = instruction.operands[i];
    if (each.type != ZYDIS_OPERAND_TYPE_REGISTER || (each.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) == 0) continue;
    const auto reg = whole(each.reg.value);
    if (reg != ZYDIS_REGISTER_RSP) set(reg, i == 0 ? result : RegisterValue{});
  }
}

void for_each_call(const ElfFile& file, std::uint64_t start, std::uint64_t end,
                   const std::function<void(std::uint64_t callee, const RegisterValues& registers)>& tell) {
  RegisterValues registers;
  std::map<std::uint64_t, RegisterValues> coming;  // by jumps to places further on
  bool is_reached = true;                          // from the instruction before
  Code code(file, start, end - start);
  while (const auto at = code.next()) {
    if (const auto jumped = coming.find(at->address); jumped != coming.end()) {
      if (is_reached)
        registers.meet(jumped->second);
      else
        registers = jumped->second;
      coming.erase(jumped);
      is_reached = true;
    }
    const bool is_call = at->is(ZYDIS_MNEMONIC_CALL);
    const auto to = at->target();
    // Behind a return stands padding, or what is only reached from further on, with who knows what.
    is_reached |= !at->is(ZYDIS_MNEMONIC_NOP) && !at->is(ZYDIS_MNEMONIC_INT3);
    if (is_call && to) tell(*to, registers);
    registers.step(*at);
    if (!is_call && at->branches()) {
      if (to && *to > at->address && *to < end) {
        const auto [known, is_new] = coming.try_emplace(*to, registers);
        if (!is_new) known->second.meet(registers);
      }
      if (at->is(ZYDIS_MNEMONIC_JMP) || at->is(ZYDIS_MNEMONIC_RET)) {
        registers.forget();
        is_reached = false;
      }
    }
  }
}

}  // namespace plumbline::agent
