// The parts of writing an index that know nothing of resources: hash tables and the file as a whole.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "baseline/index/format.hpp"
#include "baseline/index/section_file.hpp"

namespace plumbline::baseline::index {

/// 12 bytes, since a large source makes millions of them.
struct HashedRow {
  HashedRow(std::uint64_t hash, std::uint32_t of)
      : low(static_cast<std::uint32_t>(hash)), high(static_cast<std::uint32_t>(hash >> 32)), row(of) {}
  std::uint64_t hash() const { return std::uint64_t{high} << 32 | low; }

  std::uint32_t low, high, row;
};

/// Some four entries a bucket, which lie in one or two cache lines: of `entries` the table has 2^bits buckets.
int bucket_bits(std::uint64_t entries);

/// Writes them as buckets and entries; those of one bucket in the order in which they are given.
void write_table(const std::vector<HashedRow>& rows, SectionFile& buckets, SectionFile& entries);

/// Puts the sections behind `header` (whose places and size are set) and the file in its place: synced if wanted, then
/// renamed. What is not synced and replaces nothing is written in its place at once.
Result<void> write_whole(const std::string& target, const std::string& folder, const Header& header,
                         const std::array<SectionFile, section_count>& sections, bool synced);

/// Magic, version, size, places and checksum of what should be an index; errors say to compile it again.
Result<void> check_whole(const std::string& path, std::span<const std::byte> bytes);
Error shorter_than_head(const std::string& path);

}  // namespace plumbline::baseline::index
