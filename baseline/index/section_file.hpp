#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "include/util/fd.hpp"
#include "include/util/result.hpp"

namespace plumbline::baseline::index {

/// Bytes that only grow: in memory while they are few, in an unnamed file from then on. The first error stays and is
/// told by state(). Used by one thread.
class SectionFile {
 public:
  SectionFile() = default;
  /// `folder`: where the unnamed file is made once it is needed.
  explicit SectionFile(std::string folder) : folder_(std::move(folder)) {}

  std::uint64_t size() const { return written_ + used_; }
  void append(std::span<const std::byte> bytes) {
    if (bytes.empty()) return;
    if (capacity_ - used_ < bytes.size() && !make_room(bytes.size())) return spill(bytes);
    std::memcpy(buffer_.get() + used_, bytes.data(), bytes.size());
    used_ += bytes.size();
  }
  template <class Row>
  void append_row(const Row& row) {
    append(std::as_bytes(std::span(&row, 1)));
  }

  /// An error where a write failed: the disk's.
  Result<void> state() const;

  /// Hands all bytes to `take`, in order and in pieces; it returns an errno, or 0 to go on. Returns the first errno.
  int copy_to(const std::function<int(std::span<const std::byte>)>& take) const;

 private:
  static constexpr std::size_t most_in_memory = std::size_t{256} << 10;

  /// False where the buffer may not grow so far.
  bool make_room(std::size_t more);
  /// Writes what is in memory, then `more`.
  void spill(std::span<const std::byte> more);
  void write(std::span<const std::byte> bytes);

  std::string folder_;
  Fd fd_;
  std::unique_ptr<std::byte[]> buffer_;  ///< what comes behind the file's bytes
  std::size_t used_ = 0, capacity_ = 0;  ///< of it; a vector's insert() costs more than the few bytes it copies
  std::uint64_t written_ = 0;            ///< bytes of the file
  int error_ = 0;
};

}  // namespace plumbline::baseline::index
