// The spool's cursor file: how far the collector and the agent's own snapshot have come, and which sequences may be
// used.
//
// Two slots of 64 bytes at offsets 0 and 4096 (own sectors, so that one torn write cannot harm both), written in turn:
//   magic "PLUMCUR\n" · generation u64 · acknowledged u64 · checkpoint u64 · next sequence u64 · newest segment u64
//   · reserved through u64 · CRC-32C of the 56 bytes before u32 · zero u32            (all little-endian)
// The valid slot with the higher generation counts.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "agent/spool/file_layer.hpp"
#include "include/util/result.hpp"

namespace plumbline::agent {

struct Cursor {
  std::uint64_t generation = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t checkpoint = 0;
  std::uint64_t next_sequence = 1;     ///< when this was written; a record may have followed, so it is a floor
  std::uint64_t newest_segment = 0;    ///< first sequence of the newest segment; 0 = there was none yet
  std::uint64_t reserved_through = 0;  ///< no sequence past this one was ever given out
};

/// One thread at a time.
class CursorFile {
 public:
  /// Opens or makes `directory`/cursor. Damaged slots are no error: present() says what could be read.
  static Result<CursorFile> open(FileLayer& files, const std::string& directory);

  /// nullopt: a new file, or both slots are damaged.
  const std::optional<Cursor>& present() const { return present_; }
  bool damaged() const { return damaged_; }  ///< a slot that had been written cannot be read any more

  /// Durable on return; `cursor.generation` is ignored. After an error the last good slot still counts.
  Result<void> write(Cursor cursor);

 private:
  explicit CursorFile(std::unique_ptr<File> file) : file_(std::move(file)) {}

  std::unique_ptr<File> file_;
  std::optional<Cursor> present_;
  std::uint64_t next_slot_ = 0;
  bool damaged_ = false;
};

}  // namespace plumbline::agent
