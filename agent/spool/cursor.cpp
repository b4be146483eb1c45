#include "agent/spool/cursor.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "agent/spool/crc32c.hpp"
#include "agent/spool/little_endian.hpp"

namespace plumbline::agent {
namespace {

constexpr std::string_view magic = "PLUMCUR\n";
constexpr std::size_t slot_bytes = 64;
constexpr std::uint64_t slot_distance = 4096;
constexpr std::uint64_t file_bytes = 2 * slot_distance;

std::string encode(const Cursor& cursor) {
  std::string out(magic);
  put_le(out, cursor.generation);
  put_le(out, cursor.acknowledged);
  put_le(out, cursor.checkpoint);
  put_le(out, cursor.next_sequence);
  put_le(out, cursor.newest_segment);
  put_le(out, cursor.reserved_through);
  put_le(out, crc32c(std::as_bytes(std::span(out))));
  put_le(out, std::uint32_t{0});
  return out;
}

std::optional<Cursor> decode(std::span<const std::byte> bytes) {
  if (bytes.size() < slot_bytes || std::memcmp(bytes.data(), magic.data(), magic.size()) != 0) return std::nullopt;
  if (get_le<std::uint32_t>(bytes, 56) != crc32c(bytes.first(56))) return std::nullopt;
  return Cursor{get_le<std::uint64_t>(bytes, 8),  get_le<std::uint64_t>(bytes, 16), get_le<std::uint64_t>(bytes, 24),
                get_le<std::uint64_t>(bytes, 32), get_le<std::uint64_t>(bytes, 40), get_le<std::uint64_t>(bytes, 48)};
}

}  // namespace

Result<CursorFile> CursorFile::open(FileLayer& files, const std::string& directory) {
  auto file = files.open(directory + "/cursor", OpenMode::create);
  if (!file) return file.error();
  CursorFile cursor(std::move(*file));
  auto size = cursor.file_->size();
  if (!size) return size.error();
  if (*size < file_bytes) {
    // Every block is there from the start, so that a full disk cannot stop a later update.
    if (auto grown = cursor.file_->allocate(file_bytes); !grown) return grown.error();
    if (auto synced = cursor.file_->sync(); !synced) return synced.error();
    if (auto synced = files.sync_directory(directory); !synced) return synced.error();
  }
  for (std::uint64_t slot = 0; slot < 2; ++slot) {
    std::array<std::byte, slot_bytes> bytes{};
    auto read = cursor.file_->read_at(slot * slot_distance, bytes);
    if (!read) return read.error();
    const auto found = decode(std::span(bytes).first(*read));
    const bool blank = std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
    if (!found && !blank) cursor.damaged_ = true;
    if (found && (!cursor.present_ || found->generation > cursor.present_->generation)) {
      cursor.present_ = found;
      cursor.next_slot_ = 1 - slot;
    }
  }
  return cursor;
}

Result<void> CursorFile::write(Cursor cursor) {
  cursor.generation = present_ ? present_->generation + 1 : 1;
  const std::string bytes = encode(cursor);
  if (auto written = file_->write_at(next_slot_ * slot_distance, std::as_bytes(std::span(bytes))); !written)
    return written;
  if (auto synced = file_->sync(); !synced) return synced;
  present_ = cursor;
  next_slot_ = 1 - next_slot_;
  return {};
}

}  // namespace plumbline::agent
