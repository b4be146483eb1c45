// A part of an ELF file that is read from front to back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "agent/source/elf_file.hpp"

namespace plumbline::agent {

/// Reads forward in small steps without a system call for each: 256 KiB at once. The file must outlive it.
class Window {
 public:
  Window(const ElfFile& file, std::uint64_t end) : file_(file), end_(std::min(end, file.size())) {}
  /// False where it ends before, or cannot be read.
  bool read(std::uint64_t offset, std::span<std::byte> to) {
    if (offset > end_ || to.size() > end_ - offset) return false;
    if (offset < at_ || offset + to.size() > at_ + bytes_.size()) {
      bytes_.resize(std::max<std::uint64_t>(to.size(), std::min<std::uint64_t>(at_once, end_ - offset)));
      at_ = offset;
      if (!file_.read(at_, bytes_)) return false;
    }
    std::memcpy(to.data(), bytes_.data() + (offset - at_), to.size());
    return true;
  }

 private:
  static constexpr std::size_t at_once = 1 << 18;
  const ElfFile& file_;
  const std::uint64_t end_;
  std::uint64_t at_ = 0;
  std::vector<std::byte> bytes_;
};

}  // namespace plumbline::agent
