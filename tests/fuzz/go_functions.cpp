// Go's table of functions by itself: what changes is the table, the code and what says where that begins, and never the
// file around them, in which most changes of target `elf` end.
//
// Two bytes each: the size of the table, that of the code; then both, and then the data of the module (Go 1.26), whose
// bytes are taken as relocations, too.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "agent/source/go_functions.hpp"
#include "agent/source/tls_functions.hpp"
#include "tests/fuzz/must.hpp"
#include "tests/unit/source/elf_builder.hpp"

namespace plumbline::agent {
namespace {

std::uint64_t offset_of_text(const ElfFile& elf) {
  return elf.find_section(".text")->offset;
}

void run(std::span<const std::uint8_t> input) {
  if (input.size() < 4) return;
  const auto take = [&](std::size_t size) {
    size = std::min(size, input.size());
    const std::string taken(reinterpret_cast<const char*>(input.data()), size);
    input = input.subspan(size);
    return taken;
  };
  const std::string sizes = take(4);
  const auto number = [&](std::size_t at) {
    return static_cast<std::size_t>(static_cast<std::uint8_t>(sizes[at]) | static_cast<std::uint8_t>(sizes[at + 1])
                                                                               << 8);
  };
  const std::string table = take(number(0)), text = take(number(2)), module = take(input.size());
  test::ElfBuilder builder;
  builder.add_text(text);
  builder.add(".gopclntab", SHT_PROGBITS, table, 0x600000);
  if (!module.empty()) builder.add(".go.module", SHT_PROGBITS, module, 0x700000);
  if (module.size() >= sizeof(Elf64_Rela)) builder.add(".rela.dyn", SHT_RELA, module);
  const auto file = test::file_of(builder.bytes());
  const auto elf = ElfFile::open(file.get());
  fuzz::must(elf.has_value(), "the file around it is whole");
  const auto hooks = find_go_hooks(*elf);
  if (!hooks) return fuzz::must_be_readable(hooks.error());
  for (const auto& hook : *hooks) fuzz::must(hook.offset - offset_of_text(*elf) < text.size(), "a hook is in the code");
}

}  // namespace
}  // namespace plumbline::agent

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  plumbline::agent::run({data, size});
  return 0;
}
