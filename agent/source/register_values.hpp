// What is in the registers where a function calls others, as far as its own code says (x86-64).
#pragma once

#include <Zydis/Zydis.h>

#include <array>
#include <cstdint>
#include <functional>

#include "agent/source/machine_code.hpp"

namespace plumbline::agent {

struct RegisterValue {
  enum Kind : std::uint8_t {
    unknown,
    number,    ///< `value`: a constant, or an address of the program
    argument,  ///< `value`: the function's own, from 0 on, perhaps widened or cut to 32 bits
    stack,     ///< an address in the function's frame
  };
  Kind kind = unknown;
  std::uint64_t value = 0;
  bool operator==(const RegisterValue&) const = default;
};

/// The general registers. All that is not understood is unknown, never guessed.
class RegisterValues {
 public:
  /// As at a function's beginning (System V ABI for AMD64, "Parameter Passing").
  RegisterValues();
  /// `reg`: one of 64 bits.
  RegisterValue of(ZydisRegister reg) const;
  /// What the instruction leaves; of a call, what it must leave.
  void step(const Instruction& instruction);
  /// Keeps what both ways to a place agree on.
  void meet(const RegisterValues& other);
  void forget();

 private:
  void set(ZydisRegister reg, RegisterValue value);
  RegisterValue result_of(const Instruction& instruction) const;
  std::array<RegisterValue, 16> values_;
};

/// Reads a function's code from front to back, and hands over each direct call with what is in the registers then.
/// Where several ways lead to a call, what holds is what those agree on that come from before it in the code. Bytes
/// from `end` on are not read, nor what cannot be read as instructions.
void for_each_call(const ElfFile& file, std::uint64_t start, std::uint64_t end,
                   const std::function<void(std::uint64_t callee, const RegisterValues& registers)>& tell);

}  // namespace plumbline::agent
