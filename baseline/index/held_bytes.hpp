#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "include/util/result.hpp"

namespace plumbline::baseline {

/// How the bytes of an index file are held.
enum class Hold {
  mapped,  ///< in place: whoever shortens the file meanwhile ends the program that reads it (SIGBUS)
  apart,   ///< out of everybody's reach: in memory while they are few, else mapped from an unnamed copy beside the file
};

namespace index {

inline constexpr const char* compile_again = "compile the index again from its sources";

/// The bytes of a file, which stay what they are in the way that `Hold` tells.
class HeldBytes {
 public:
  HeldBytes() = default;
  /// `corrupt` where they are fewer than `least`.
  static Result<HeldBytes> open(const std::string& path, std::size_t least, Hold hold);
  HeldBytes(HeldBytes&&) noexcept;
  HeldBytes& operator=(HeldBytes&&) noexcept;
  HeldBytes(const HeldBytes&) = delete;
  HeldBytes& operator=(const HeldBytes&) = delete;
  ~HeldBytes();

  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  Result<void> hold_apart(int file, const std::string& path);
  Result<void> read(int file, const std::string& path);
  Result<void> map(int file, const std::string& path);

  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::unique_ptr<std::byte[]> memory_;  ///< data_ points into it; nullptr: data_ is a mapping
};

}  // namespace index
}  // namespace plumbline::baseline
