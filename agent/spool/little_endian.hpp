// Fixed-width little-endian integers in byte strings: the spool's files read the same on every machine.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>

namespace plumbline::agent {

template <std::integral T>
void put_le(std::string& out, T value) {
  auto bits = static_cast<std::make_unsigned_t<T>>(value);
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out += static_cast<char>(bits & 0xff);
    if constexpr (sizeof(T) > 1) bits = static_cast<decltype(bits)>(bits >> 8);
  }
}

/// The caller has checked that `bytes` reaches to `offset + sizeof(T)`.
template <std::integral T>
T get_le(std::span<const std::byte> bytes, std::size_t offset) {
  std::make_unsigned_t<T> bits = 0;
  for (std::size_t i = sizeof(T); i-- > 0;) {
    if constexpr (sizeof(T) > 1) bits = static_cast<decltype(bits)>(bits << 8);
    bits = static_cast<decltype(bits)>(bits | std::to_integer<std::uint8_t>(bytes[offset + i]));
  }
  return static_cast<T>(bits);
}

}  // namespace plumbline::agent
