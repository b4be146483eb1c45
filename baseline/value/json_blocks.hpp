// JSON 64 bytes at a time: one bit a byte tells where the few bytes are that decide where a value ends.
#pragma once

#include <cstddef>
#include <cstdint>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace plumbline::baseline {

struct JsonBlock {
  std::uint64_t quotes = 0, backslashes = 0, brackets = 0;
};

inline constexpr std::size_t json_block_size = 64;

/// `text`: 64 readable bytes.
inline JsonBlock json_block(const char* text) {
  JsonBlock block;
#if defined(__SSE2__)
  for (std::size_t i = 0; i < json_block_size; i += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + i));
    const auto mark = [i](__m128i equal, std::uint64_t& bits) {
      bits |= std::uint64_t{static_cast<std::uint32_t>(_mm_movemask_epi8(equal))} << i;
    };
    const auto is = [](__m128i all, char c) { return _mm_cmpeq_epi8(all, _mm_set1_epi8(c)); };
    const __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));  // '[' to '{', ']' to '}'
    mark(is(bytes, '"'), block.quotes);
    mark(is(bytes, '\\'), block.backslashes);
    mark(_mm_or_si128(is(folded, '{'), is(folded, '}')), block.brackets);
  }
#else
  for (std::size_t i = 0; i < json_block_size; ++i) {
    const char c = text[i];
    block.quotes |= std::uint64_t{c == '"'} << i;
    block.backslashes |= std::uint64_t{c == '\\'} << i;
    block.brackets |= std::uint64_t{c == '{' || c == '}' || c == '[' || c == ']'} << i;
  }
#endif
  return block;
}

/// The bytes that are escaped by a backslash before them: behind an odd number of backslashes. `next` tells that of the
/// first byte, and afterwards that of the first one behind the block.
inline std::uint64_t escaped_bytes(std::uint64_t backslashes, bool& next) {
  constexpr std::uint64_t even = 0x5555555555555555;
  backslashes &= ~std::uint64_t{next};  // one that is escaped itself
  const std::uint64_t behind = backslashes << 1 | std::uint64_t{next};
  const std::uint64_t odd_starts = backslashes & ~even & ~behind;
  std::uint64_t ends = 0;  // an addition carries through each run of backslashes, to the byte behind it
  next = __builtin_add_overflow(odd_starts, backslashes, &ends);
  return (even ^ ends << 1) & behind;
}

/// Of the bits of quotes: those of the bytes within them, the opening ones too.
inline std::uint64_t between_quotes(std::uint64_t quotes) {
  for (int shift = 1; shift < 64; shift *= 2) quotes ^= quotes << shift;
  return quotes;
}

}  // namespace plumbline::baseline
