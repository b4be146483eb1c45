// Where the functions of a program are that has no symbols any more.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "agent/source/elf_file.hpp"

namespace plumbline::agent {

/// By the table that unwinding uses (.eh_frame_hdr; Linux Standard Base Core, "Exception Frames"): strip leaves it, as
/// exceptions need it. Reads the file at each question; the file must outlive it. Programs that are linked statically
/// may have no table, but what it is made of (.eh_frame), which is read once, at most 1,000,000 functions of C.
class FunctionBounds {
 public:
  struct Range {
    std::uint64_t start = 0, end = 0;  ///< addresses
  };

  /// nullopt where the file has neither, or in another form than all linkers of today write.
  static std::optional<FunctionBounds> of(const ElfFile& file);

  /// What holds this address: a function, or the part of one that its compiler moved away ("cold"). nullopt where
  /// nothing does, or table and description contradict each other.
  std::optional<Range> around(std::uint64_t address) const;

 private:
  void read_descriptions(const ElfFile::Section& section);
  explicit FunctionBounds(const ElfFile& file) : file_(&file) {}
  /// The row's address, and that of its description.
  std::optional<std::pair<std::uint64_t, std::uint64_t>> row(std::uint64_t number) const;

  const ElfFile* file_;
  std::uint64_t address_ = 0;  ///< of the table's header
  std::uint64_t rows_at_ = 0;  ///< in the file
  std::uint64_t count_ = 0;
  std::vector<Range> ranges_;  ///< where there is no table; in order
};

}  // namespace plumbline::agent
