// Reads ELF files of strangers: containers bring them, so every number in one is a claim.
//
// System V ABI, "Object Files"; ELF-64 Object File Format 1.5; structures: elf.h of glibc.
#pragma once

#include <elf.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "include/util/result.hpp"

namespace plumbline::agent {

/// What one file may cost.
struct ElfLimits {
  std::uint64_t bytes = 512ULL << 20;   ///< read in all, those of a hole too, and 1,024 more for each call
  std::chrono::milliseconds cpu{2000};  ///< of the thread, from open() on
  std::stop_token stop{};
};

/// One ELF file of 64 bits of this machine's kind. Never maps the file, as its owner may cut it short under us; memory
/// is bounded, whatever the file says, and so are the bytes that are read and the time: a file of a few KiB on disk may
/// claim any size. Not thread-safe, and opened and read by one thread; does not own the descriptor.
class ElfFile {
 public:
  struct Symbol {
    std::string name;
    std::uint64_t address = 0;  ///< virtual
    std::uint64_t size = 0;     ///< bytes; 0 where the file does not say
  };
  struct Section {
    std::string name;
    std::uint64_t address = 0, offset = 0, size = 0;
    std::uint32_t type = 0, link = 0;
  };

  /// `unsupported`: no such file of this machine. `corrupt`: it claims to be one.
  static Result<ElfFile> open(int fd, ElfLimits limits = ElfLimits());

  /// Functions of these names that the file itself defines, from .dynsym and .symtab; one of several equal ones.
  Result<std::vector<Symbol>> find_functions(std::span<const std::string_view> names) const;

  /// Where in the file the instruction at this address is; nullopt where no executable segment holds it.
  std::optional<std::uint64_t> offset_of(std::uint64_t address) const;
  /// Where in the file is what is loaded at this address, code or not; nullopt where no segment holds it.
  std::optional<std::uint64_t> loaded_at(std::uint64_t address) const;
  /// Names of libraries that it is linked to (DT_NEEDED), at most 256.
  std::vector<std::string> needed() const;
  const Section* find_section(std::string_view name) const;
  const std::vector<Section>& sections() const { return sections_; }
  const std::vector<Elf64_Phdr>& segments() const { return segments_; }

  /// Fills `to` from the file; false where the file ends before, cannot be read, or a limit is reached.
  bool read(std::uint64_t offset, std::span<std::byte> to) const;
  /// Why read() gives nothing any more, as a limit is reached: what was found until then is not all.
  std::optional<Error> why_ended() const;
  std::uint64_t size() const { return size_; }

 private:
  ElfFile(int fd, std::uint64_t size, ElfLimits limits);
  bool is_within_limits(std::uint64_t bytes) const;
  Result<void> read_tables();
  std::optional<std::uint64_t> offset_in(std::uint32_t flags, std::uint64_t address) const;
  Result<void> find_in(const Section& symbols, const Section& strings, std::span<const std::string_view> names,
                       std::vector<Symbol>& found) const;

  int fd_;
  std::uint64_t size_;
  ElfLimits limits_;
  std::chrono::nanoseconds began_;             ///< on the thread's own clock
  mutable std::uint64_t spent_ = 0;            ///< of limits_.bytes
  mutable std::uint64_t looked_at_clock_ = 0;  ///< when so many were spent
  mutable const char* why_ended_ = nullptr;
  std::vector<Elf64_Phdr> segments_;
  std::vector<Section> sections_;
};

}  // namespace plumbline::agent
