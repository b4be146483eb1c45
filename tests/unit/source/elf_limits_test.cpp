// Files whose numbers are there to take memory and time.
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "agent/source/tls_functions.hpp"
#include "tests/unit/source/elf_builder.hpp"

namespace plumbline::agent {
namespace {

using namespace std::string_literals;
using test::ElfBuilder;
using test::file_of;
using ::testing::HasSubstr;

/// 8 KiB on disk: tables of symbols, all with one table of names of 256 MiB in a hole.
Fd sparse(std::uint16_t tables) {
  constexpr std::uint64_t names_at = 0x800, sections_at = 0x1000, hole = 0x100000, size = 256ULL << 20;
  Fd file(::memfd_create("elf", MFD_CLOEXEC));
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_type = ET_DYN;
  header.e_machine = EM_X86_64;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_shoff = sections_at;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = static_cast<std::uint16_t>(tables + 2);
  header.e_shstrndx = 1;
  std::vector<Elf64_Shdr> sections(header.e_shnum);
  sections[1].sh_type = SHT_STRTAB;
  sections[1].sh_offset = names_at;
  sections[1].sh_size = 1;
  for (std::size_t i = 2; i < sections.size(); ++i) {
    sections[i].sh_type = SHT_SYMTAB;
    sections[i].sh_offset = hole;
    sections[i].sh_size = size;
    sections[i].sh_link = 2;
  }
  const auto bytes = sections.size() * sizeof(Elf64_Shdr);
  EXPECT_EQ(::ftruncate(file.get(), hole + size), 0);
  EXPECT_EQ(::pwrite(file.get(), &header, sizeof header, 0), sizeof header);
  EXPECT_EQ(::pwrite(file.get(), sections.data(), bytes, sections_at), static_cast<ssize_t>(bytes));
  return file;
}

TEST(ElfFile, that_claims_to_be_endless_is_refused_by_a_limit) {
  const auto file = sparse(4000);
  const auto elf = ElfFile::open(file.get());
  ASSERT_TRUE(elf) << elf.error().message();
  const auto found = find_tls_functions(*elf);  // all of it takes 12 minutes, more than a test has
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::corrupt);
  EXPECT_THAT(found.error().message(), ::testing::AnyOf(HasSubstr("more of it"), HasSubstr("takes longer")));
}

TEST(ElfFile, has_a_limit_of_bytes_and_one_of_time) {
  const auto file = sparse(4);
  const auto why = [&](ElfLimits limits) {
    const auto elf = ElfFile::open(file.get(), std::move(limits));
    const auto found = elf ? find_tls_functions(*elf) : Result<TlsFunctions>(elf.error());
    return found ? "" : found.error().message();
  };
  using std::chrono::milliseconds;
  EXPECT_THAT(why({.bytes = 8 << 20, .cpu = milliseconds(60'000)}), HasSubstr("more of it"));
  EXPECT_THAT(why({.bytes = 8ULL << 30, .cpu = milliseconds(20)}), HasSubstr("takes longer"));
  EXPECT_EQ(why({.bytes = 8ULL << 30, .cpu = milliseconds(60'000)}), "");
}

TEST(ElfFile, is_left_where_who_looks_is_told_to_stop) {
  const auto file = sparse(4000);
  std::stop_source stop;
  const auto elf = ElfFile::open(file.get(), {~0ULL, std::chrono::hours(1), stop.get_token()});
  std::thread stops([&] { stop.request_stop(); });
  const auto found = find_tls_functions(elf.value());  // which takes hours where nobody heeds that
  stops.join();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::unavailable);
}

// Each place of a name in the table, and each section's name, would be kept.
TEST(ElfFile, that_repeats_names_takes_no_memory_for_each) {
  std::string names;
  for (int i = 0; i < 100'000; ++i) names += "SSL_read"s + '\0';
  ElfBuilder elf;
  elf.add_text(std::string(64, '\xc3'));
  const auto link = elf.add(".strtab", SHT_STRTAB, names);
  elf.add(".symtab", SHT_SYMTAB, std::string(sizeof(Elf64_Sym), '\0'), 0, static_cast<std::uint32_t>(link));
  const auto crowded = file_of(elf.bytes());
  const auto found = find_tls_functions(ElfFile::open(crowded.get()).value());
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message(), HasSubstr("too often"));
  ElfBuilder other;
  other.add(std::string(1 << 19, 'x'), SHT_PROGBITS, "");
  const auto file = file_of(other.bytes());
  const auto opened = ElfFile::open(file.get());
  for (const auto& section : opened.value().sections()) EXPECT_LE(section.name.size(), 64u);
}

}  // namespace
}  // namespace plumbline::agent
