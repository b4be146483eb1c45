// A small ELF file, made member by member, so that a test can break each.
#pragma once

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "include/util/fd.hpp"

namespace plumbline::agent::test {

class ElfBuilder {
 public:
  static constexpr std::uint64_t text_address = 0x401000;

  ElfBuilder() {
    sections_.push_back({});
    names_.push_back('\0');
  }

  /// Its index. Executable sections come at text_address.
  std::size_t add(const std::string& name, std::uint32_t type, std::string bytes, std::uint64_t address = 0,
                  std::uint32_t link = 0) {
    Elf64_Shdr section{};
    section.sh_name = static_cast<std::uint32_t>(names_.size());
    names_ += name + '\0';
    section.sh_type = type;
    section.sh_addr = address;
    section.sh_link = link;
    section.sh_size = bytes.size();
    sections_.push_back(section);
    contents_.push_back(std::move(bytes));
    return sections_.size() - 1;
  }
  void add_text(std::string code) { add(".text", SHT_PROGBITS, std::move(code), text_address); }
  /// Functions of the text, named and placed from its beginning; all of one size in bytes.
  void add_symbols(const std::vector<std::pair<std::string, std::uint64_t>>& functions, std::uint64_t size = 0) {
    std::string strings(1, '\0'), rows(sizeof(Elf64_Sym), '\0');
    for (const auto& [name, at] : functions) {
      Elf64_Sym row{};
      row.st_name = static_cast<std::uint32_t>(strings.size());
      row.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
      row.st_shndx = 1;
      row.st_value = text_address + at;
      row.st_size = size;
      strings += name + '\0';
      rows.append(reinterpret_cast<const char*>(&row), sizeof row);
    }
    const auto link = add(".strtab", SHT_STRTAB, std::move(strings));
    add(".symtab", SHT_SYMTAB, std::move(rows), 0, static_cast<std::uint32_t>(link));
  }

  std::string bytes() const {
    auto sections = sections_;
    std::string out(sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr), '\0');
    Elf64_Phdr segment{};
    for (std::size_t i = 1; i < sections.size(); ++i) {
      sections[i].sh_offset = out.size();
      if (sections[i].sh_addr == text_address)
        segment = {PT_LOAD,      PF_R | PF_X,         out.size(),          text_address,
                   text_address, sections[i].sh_size, sections[i].sh_size, 1};
      out += contents_[i - 1];
    }
    Elf64_Shdr of_names{};
    of_names.sh_type = SHT_STRTAB;
    of_names.sh_offset = out.size();
    of_names.sh_size = names_.size();
    out += names_;
    sections.push_back(of_names);
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_EXEC;
    header.e_machine = EM_X86_64;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 1;
    header.e_shoff = out.size();
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = static_cast<std::uint16_t>(sections.size());
    header.e_shstrndx = static_cast<std::uint16_t>(sections.size() - 1);
    std::memcpy(out.data(), &header, sizeof header);
    std::memcpy(out.data() + sizeof header, &segment, sizeof segment);
    out.append(reinterpret_cast<const char*>(sections.data()), sections.size() * sizeof(Elf64_Shdr));
    return out;
  }

 private:
  std::vector<Elf64_Shdr> sections_;
  std::vector<std::string> contents_;
  std::string names_;
};

/// Go's table of functions as Go 1.20 to 1.25 write it (runtime.pcHeader). `functions`: name and place in the text.
inline std::string go_table(const std::vector<std::pair<std::string, std::uint32_t>>& functions,
                            std::uint32_t text_size, std::uint64_t text_start = ElfBuilder::text_address,
                            std::uint32_t magic = 0xfffffff1) {
  std::string names(1, '\0'), entries, infos;
  const auto put = [](std::string& to, auto value) { to.append(reinterpret_cast<const char*>(&value), sizeof value); };
  const auto table_size = static_cast<std::uint32_t>(functions.size() * 8 + 4);
  for (const auto& [name, at] : functions) {
    put(entries, at);
    put(entries, static_cast<std::uint32_t>(table_size + infos.size()));
    put(infos, at);
    put(infos, static_cast<std::uint32_t>(names.size()));
    infos.append(32, '\0');
    names += name + '\0';
  }
  put(entries, text_size);
  std::string out;
  put(out, magic);
  out += std::string("\0\0\1\10", 4);
  put(out, static_cast<std::uint64_t>(functions.size()));
  put(out, std::uint64_t{0});
  put(out, text_start);
  constexpr std::uint64_t header = 72;
  put(out, header);
  put(out, header + names.size());  // units, files and pcs: none
  put(out, header + names.size());
  put(out, header + names.size());
  put(out, header + names.size());
  return out + names + entries + infos;
}

/// A file of these bytes that nobody else has.
inline Fd file_of(std::string_view bytes) {
  Fd file(::memfd_create("elf", MFD_CLOEXEC));
  if (::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) file.reset();
  return file;
}

}  // namespace plumbline::agent::test
