// Where an object or a list ends, found without parsing it.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "baseline/value/json_blocks.hpp"

namespace plumbline::baseline {

inline constexpr std::size_t max_walked_depth = 256;

/// What is known on the way through a container: which brackets are open, and whether we are within a string.
class ContainerPass {
 public:
  enum class Next { goes_on, ended, too_deep, unopened };

  /// `deepest`: levels of brackets, at most max_walked_depth.
  explicit ContainerPass(std::size_t deepest = max_walked_depth) : deepest_(deepest) {}

  bool in_string() const { return in_string_; }

  /// Takes up to 64 bytes, fewer where the container ends: `size` is how many.
  Next take(const char* text, std::size_t& size) {
    if (size < json_block_size) return take_each(text, size);
    const JsonBlock block = json_block(text);
    bool escaped = escaped_;
    const std::uint64_t quotes = block.quotes & ~escaped_bytes(block.backslashes, escaped);
    const std::uint64_t quoted = between_quotes(quotes) ^ (in_string_ ? ~std::uint64_t{0} : 0);
    if ((block.backslashes & ~quoted) != 0) return take_each(text, size);  // they escape nothing there
    for (std::uint64_t left = block.brackets & ~quoted; left != 0; left &= left - 1) {
      const auto at = static_cast<std::size_t>(std::countr_zero(left));
      if (const Next next = bracket(text[at]); next != Next::goes_on) {
        size = at + 1;
        return next;
      }
    }
    in_string_ = quoted >> 63 != 0;
    escaped_ = escaped;
    return Next::goes_on;
  }

 private:
  /// What is no whole block, byte by byte.
  Next take_each(const char* text, std::size_t& size) {
    for (std::size_t i = 0; i < size; ++i) {
      const char c = text[i];
      if (escaped_) {
        escaped_ = false;
      } else if (c == '"') {
        in_string_ = !in_string_;
      } else if (in_string_) {
        escaped_ = c == '\\';
      } else if (c == '{' || c == '}' || c == '[' || c == ']') {
        if (const Next next = bracket(c); next != Next::goes_on) {
          size = i + 1;
          return next;
        }
      }
    }
    return Next::goes_on;
  }

  Next bracket(char c) {
    if (c == '{' || c == '[') {
      if (depth_ == deepest_) return Next::too_deep;
      open_[depth_++] = c;
      return Next::goes_on;
    }
    if (depth_ == 0 || open_[depth_ - 1] != (c == '}' ? '{' : '[')) return Next::unopened;
    return --depth_ == 0 ? Next::ended : Next::goes_on;
  }

  const std::size_t deepest_;
  std::array<char, max_walked_depth> open_;
  std::size_t depth_ = 0;
  bool in_string_ = false, escaped_ = false;
};

}  // namespace plumbline::baseline
