#include "agent/source/register_values.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/unit/source/elf_builder.hpp"

namespace plumbline::agent {
namespace {

using namespace std::string_literals;
using test::ElfBuilder;
using test::file_of;

constexpr std::uint64_t base = ElfBuilder::text_address;
constexpr RegisterValue unknown{}, stack{RegisterValue::stack, 0};
constexpr RegisterValue number(std::uint64_t value) {
  return {RegisterValue::number, value};
}
constexpr RegisterValue argument(std::uint64_t which) {
  return {RegisterValue::argument, which};
}
const std::string call("\xe8\0\0\0\0", 5);  // of what follows

/// What is in the registers at each call of this code.
std::vector<RegisterValues> at_calls(const std::string& code) {
  ElfBuilder elf;
  elf.add_text(code + "\xc3");
  const auto file = file_of(elf.bytes());
  const auto read = ElfFile::open(file.get());
  std::vector<RegisterValues> found;
  for_each_call(read.value(), base, base + code.size() + 1,
                [&](std::uint64_t, const RegisterValues& registers) { found.push_back(registers); });
  return found;
}
RegisterValue at_call(const std::string& code, ZydisRegister reg) {
  const auto found = at_calls(code + call);
  EXPECT_EQ(found.size(), 1u);
  return found.empty() ? unknown : found[0].of(reg);
}

TEST(RegisterValues, are_what_the_code_puts_there) {
  EXPECT_EQ(at_call("", ZYDIS_REGISTER_RDI), argument(0));
  EXPECT_EQ(at_call("", ZYDIS_REGISTER_R9), argument(5));
  EXPECT_EQ(at_call("", ZYDIS_REGISTER_RAX), unknown);
  EXPECT_EQ(at_call("\x48\x89\xfd\x31\xff\x48\x89\xee"s, ZYDIS_REGISTER_RSI), argument(0)) << "by way of rbp";
  EXPECT_EQ(at_call("\x48\x63\xd2"s, ZYDIS_REGISTER_RDX), argument(2)) << "movslq %edx,%rdx";
  EXPECT_EQ(at_call("\x89\xd2"s, ZYDIS_REGISTER_RDX), argument(2)) << "mov %edx,%edx";
  EXPECT_EQ(at_call("\x31\xc9"s, ZYDIS_REGISTER_RCX), number(0)) << "xor %ecx,%ecx";
  EXPECT_EQ(at_call("\xbe\x46\x08\x00\x00"s, ZYDIS_REGISTER_RSI), number(0x846));
  EXPECT_EQ(at_call("\x48\x8d\x15\x10\x00\x00\x00"s, ZYDIS_REGISTER_RDX), number(base + 7 + 0x10)) << "lea (%rip)";
  EXPECT_EQ(at_call("\x48\x8d\x4c\x24\x08"s, ZYDIS_REGISTER_RCX), stack) << "lea 8(%rsp),%rcx";
  EXPECT_EQ(at_call("\x55\x48\x89\xe5\x4c\x8d\x45\xf0"s, ZYDIS_REGISTER_R8), stack) << "lea -16(%rbp),%r8";
}

TEST(RegisterValues, that_are_not_understood_are_unknown) {
  EXPECT_EQ(at_call("\x48\x8b\x3f"s, ZYDIS_REGISTER_RDI), unknown) << "from memory";
  EXPECT_EQ(at_call("\x48\x83\xc7\x08"s, ZYDIS_REGISTER_RDI), unknown) << "add";
  EXPECT_EQ(at_call("\x40\xb7\x01"s, ZYDIS_REGISTER_RDI), unknown) << "its lowest byte";
  EXPECT_EQ(at_call("\x5f"s, ZYDIS_REGISTER_RDI), unknown) << "pop";
  EXPECT_EQ(at_call("\x48\x0f\x44\xfe"s, ZYDIS_REGISTER_RDI), unknown) << "cmove";
  EXPECT_EQ(at_call("\x48\x8d\x7f\x08"s, ZYDIS_REGISTER_RDI), unknown) << "lea 8(%rdi),%rdi";
  EXPECT_EQ(at_call("\x48\x8d\x3c\x34"s, ZYDIS_REGISTER_RDI), unknown) << "lea (%rsp,%rsi)";
  EXPECT_EQ(at_call("\x89\xe1"s, ZYDIS_REGISTER_RCX), unknown) << "half an address";
  EXPECT_EQ(at_call("\xf3\xa4"s, ZYDIS_REGISTER_RSI), unknown) << "rep movsb";
  const auto after = at_calls(call + call);
  ASSERT_EQ(after.size(), 2u);
  EXPECT_EQ(after[1].of(ZYDIS_REGISTER_RDI), unknown) << "a call keeps no argument";
}

TEST(RegisterValues, are_what_all_ways_to_a_place_agree_on) {
  EXPECT_EQ(at_call("\x74\x02\x31\xff"s, ZYDIS_REGISTER_RDI), unknown) << "je over xor %edi,%edi";
  EXPECT_EQ(at_call("\x74\x02\x31\xff"s, ZYDIS_REGISTER_RSI), argument(1));
  EXPECT_EQ(at_call("\x74\x02\x5f\xc3"s, ZYDIS_REGISTER_RDI), argument(0)) << "only the jump comes there";
  EXPECT_EQ(at_call("\xc3\x90"s, ZYDIS_REGISTER_RDI), unknown) << "who knows from where";
  EXPECT_EQ(at_call("\x74\x03\xc3\x5e\x90"s, ZYDIS_REGISTER_RDI), unknown) << "je 5; ret; a place jumped back to; 5";
}

}  // namespace
}  // namespace plumbline::agent
