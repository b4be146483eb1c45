// CRC-32C (Castagnoli, RFC 3720 appendix B.4): what guards every byte of the spool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace plumbline::agent {

/// `seed`: the checksum of the bytes before these, so that parts can be added one after the other. Any thread.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t seed = 0);

/// The table-driven form that crc32c() uses where the processor has no instruction for it; public for its test.
std::uint32_t crc32c_portable(std::span<const std::byte> bytes, std::uint32_t seed = 0);

}  // namespace plumbline::agent
