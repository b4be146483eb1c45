#include "agent/source/probe_places.hpp"

#include <algorithm>
#include <array>

#include "agent/source/inner_function.hpp"
#include "agent/source/machine_code.hpp"

namespace plumbline::agent {
namespace {

constexpr std::uint64_t max_body = 4096;  // bytes
// System V ABI for AMD64, "Parameter Passing": as many as bpf/lib/capture_call.h reads.
constexpr std::array arguments{ZYDIS_REGISTER_RDI, ZYDIS_REGISTER_RSI, ZYDIS_REGISTER_RDX, ZYDIS_REGISTER_RCX,
                               ZYDIS_REGISTER_R8};

bool takes_probe(const Instruction& instruction) {
  const auto* const begin = std::begin(instruction.what.raw.prefixes);
  return std::none_of(begin, begin + instruction.what.raw.prefix_count, [](const auto& prefix) {
    return prefix.value == 0x26 || prefix.value == 0x2e || prefix.value == 0x36 || prefix.value == 0x3e ||
           prefix.value == 0xf0;  // es, cs, ss, ds, lock
  });
}

bool writes_argument(const Instruction& instruction) {
  return std::any_of(arguments.begin(), arguments.end(), [&](ZydisRegister reg) { return instruction.writes(reg); });
}

}  // namespace

std::optional<ProbePlaces> probe_places(const ElfFile& file, const ElfFile::Symbol& function, bool wants_returns) {
  if (const auto cheap = cheap_start(file, function.address)) return ProbePlaces{*cheap, {}};
  const auto first = Code(file, function.address, ZYDIS_MAX_INSTRUCTION_LENGTH).next();
  if (!first || takes_probe(*first)) return ProbePlaces{function.address, {}};

  ProbePlaces places;
  const std::uint64_t end = function.address + std::min(function.size, max_body);
  std::uint64_t read_to = function.address;
  bool ends_here_alone = end - function.address == function.size;
  Code code(file, function.address, end - function.address);
  while (const auto at = code.next()) {
    read_to = at->end();
    if (places.entry == 0 && takes_probe(*at)) places.entry = at->address;
    if (places.entry == 0 && (at->branches() || writes_argument(*at))) return std::nullopt;
    if (at->is(ZYDIS_MNEMONIC_RET)) {
      ends_here_alone &= takes_probe(*at);
      places.returns.push_back(at->address);
    } else if (at->branches() && !at->is(ZYDIS_MNEMONIC_CALL)) {
      const auto to = at->target();
      ends_here_alone &= to && *to >= function.address && *to < end;
      // What comes there once more has other arguments.
      if (to && *to >= function.address && *to <= places.entry) return std::nullopt;
    }
  }
  if (places.entry == 0) return std::nullopt;
  if (wants_returns && (!ends_here_alone || read_to != end || places.returns.empty())) return std::nullopt;
  return places;
}

}  // namespace plumbline::agent
