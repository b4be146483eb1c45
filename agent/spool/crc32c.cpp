#include "agent/spool/crc32c.hpp"

#include <array>
#include <bit>
#include <cstring>

namespace plumbline::agent {
namespace {

constexpr std::uint32_t polynomial = 0x82f63b78;  // reversed 0x1edc6f41

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? polynomial : 0);
    table[byte] = crc;
  }
  return table;
}

constexpr auto table = make_table();

#if defined(__x86_64__)
// Compiled for SSE4.2 whatever the build's target is; called only where the processor has it.
__attribute__((target("sse4.2"))) std::uint32_t crc32c_sse42(std::span<const std::byte> bytes, std::uint32_t seed) {
  std::uint64_t crc = ~seed;
  for (; bytes.size() >= sizeof(std::uint64_t); bytes = bytes.subspan(sizeof(std::uint64_t))) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    crc = __builtin_ia32_crc32di(crc, word);
  }
  auto tail = static_cast<std::uint32_t>(crc);
  for (const std::byte byte : bytes) tail = __builtin_ia32_crc32qi(tail, static_cast<unsigned char>(byte));
  return ~tail;
}
#endif

using Implementation = std::uint32_t (*)(std::span<const std::byte>, std::uint32_t);

Implementation choose() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return crc32c_sse42;
#endif
  return crc32c_portable;
}

}  // namespace

std::uint32_t crc32c_portable(std::span<const std::byte> bytes, std::uint32_t seed) {
  std::uint32_t crc = ~seed;
  for (const std::byte byte : bytes) crc = (crc >> 8) ^ table[(crc ^ static_cast<std::uint32_t>(byte)) & 0xff];
  return ~crc;
}

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t seed) {
  static const Implementation implementation = choose();
  return implementation(bytes, seed);
}

}  // namespace plumbline::agent
