#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "include/util/fd.hpp"
#include "include/util/result.hpp"

namespace plumbline::baseline::index {

/// Bytes that only grow, in an unnamed file, buffered. The first error stays and is told by flush(). Used by one
/// thread.
class SectionFile {
 public:
  static Result<SectionFile> create(const std::string& folder);

  std::uint64_t size() const { return written_ + buffer_.size(); }
  void append(std::span<const std::byte> bytes);
  template <class Row>
  void append_row(const Row& row) {
    append(std::as_bytes(std::span(&row, 1)));
  }

  /// Writes out what is buffered.
  Result<void> flush();
  int fd() const { return fd_.get(); }

 private:
  Fd fd_;
  std::vector<std::byte> buffer_;
  std::uint64_t written_ = 0;
  int error_ = 0;
};

}  // namespace plumbline::baseline::index
