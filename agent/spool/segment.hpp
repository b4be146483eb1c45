// One segment file of the spool: its bytes, and reading them back whatever happened to them.
//
//   header (40 bytes)   magic "PLUMSEG\n" · version u32 · zero u32 · first sequence u64 · created at i64 (ns)
//                       · CRC-32C of the 32 bytes before u32 · zero u32
//   frame (40 bytes +)  marker u32 · CRC of the 32 header bytes that follow u32 · CRC of the payload u32
//                       · body length u32 · sequence u64 · at i64 (ns) · type length u8 · flags u8 · id length u16
//                       · place in the group u32 · type · id · body
//
// All little-endian. The frames of one append() are a group, written at once. Each knows its place in it, from 0, and
// the last one carries flag_commit: so a group of which a crash left only a part is known for what it is. The marker
// holds bytes that no JSON text can hold, so that a reader that lost its way finds the next frame.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/spool/file_layer.hpp"
#include "include/util/result.hpp"
#include "include/wire/record.hpp"

namespace plumbline::agent {

inline constexpr std::uint32_t segment_version = 1;
inline constexpr std::size_t segment_header_bytes = 40;
inline constexpr std::size_t frame_header_bytes = 40;
inline constexpr std::size_t max_body_bytes = std::size_t{8}
                                              << 20;  ///< that is read; wire::max_record_body_bytes are written
inline constexpr std::uint8_t flag_commit = 1;

struct SegmentHeader {
  std::uint32_t version = segment_version;
  std::uint64_t first_sequence = 0;
  WallNs created_at = 0;
};

std::string encode_segment_header(const SegmentHeader& header);
/// nullopt where the magic or the checksum is wrong. The version is not judged.
std::optional<SegmentHeader> decode_segment_header(std::span<const std::byte> bytes);

/// Appends one frame to `out`: the `place`-th of its group, from 0; `commit`: its last. `invalid_argument`: a part is
/// longer than its field, or the body is empty.
Result<void> append_frame(std::string& out, const wire::Record& record, std::uint32_t place, bool commit);

/// "00000000000000000017.seg": the first sequence, so that names sort as sequences do.
std::string segment_name(std::uint64_t first_sequence);
std::optional<std::uint64_t> parse_segment_name(std::string_view name);

struct Frame {
  std::uint64_t offset = 0;
  std::uint64_t end = 0;
  std::uint32_t place = 0;
  bool commit = false;
  wire::Record record;
};

struct Damage {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

/// Reads frames in ascending sequence between two offsets, and skips what fails its checks. One thread.
class SegmentReader {
 public:
  /// `file` outlives the reader. `skip_unreadable`: a page that the disk cannot give back counts as damage; otherwise
  /// it is an error of next().
  SegmentReader(const File& file, std::uint64_t begin, std::uint64_t end, bool skip_unreadable = false)
      : file_(file), at_(begin), end_(end), skip_unreadable_(skip_unreadable) {}

  /// The next frame, nullopt at the end. Error: `io`, only where unreadable pages are not skipped.
  Result<std::optional<Frame>> next();

  const std::vector<Damage>& damage() const { return damage_; }  ///< what was skipped so far, ascending
  bool met_unreadable() const { return met_unreadable_; }

 private:
  Result<std::optional<Frame>> frame_at(std::uint64_t offset);
  Result<std::uint64_t> find_marker(std::uint64_t from);
  Result<std::span<const std::byte>> bytes_at(std::uint64_t offset, std::size_t size);
  Result<std::size_t> load(std::uint64_t offset, std::span<std::byte> out);
  void skipped(std::uint64_t from, std::uint64_t to);

  const File& file_;
  std::uint64_t at_;
  std::uint64_t end_;
  bool skip_unreadable_;
  bool met_unreadable_ = false;
  std::uint64_t last_sequence_ = 0;
  std::uint64_t bad_payload_end_ = 0;  ///< set by frame_at(): the header is good, so only this one frame is lost
  std::vector<Damage> damage_;
  std::uint64_t window_begin_ = 0;
  std::vector<std::byte> window_;
};

}  // namespace plumbline::agent
