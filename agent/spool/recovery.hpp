// What a start makes of a spool's directory: the segments that can be read, and the mending of what a crash or a bad
// disk left behind.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/spool/cursor.hpp"
#include "agent/spool/file_layer.hpp"
#include "include/util/result.hpp"

namespace plumbline::agent {

struct Segment {
  std::string path;
  std::uint64_t first = 0;  ///< as in its name; records begin here or later
  std::uint64_t last = 0;   ///< of the last committed record; first - 1 where there is none
  std::uint64_t bytes = 0;  ///< end of the last committed frame: nothing behind it is ever read
};

/// More than this of quarantined bytes is not kept; the oldest go first.
inline constexpr std::uint64_t max_quarantine_bytes = std::uint64_t{16} << 20;

struct Recovered {
  std::vector<Segment> segments;  ///< ascending
  bool appendable = false;        ///< the last one may be written on at its `bytes`
  std::uint64_t next_sequence = 1;
  std::uint64_t acknowledged = 0;
  std::uint64_t checkpoint = 0;
  std::uint64_t corrupt_records = 0;
  std::uint64_t quarantined_bytes = 0;
};

/// Reads and mends. Only what no one has been told of is cut off: the tail of an append that never returned. Whatever
/// else is damaged is skipped by readers, or, where a file holds no record at all, set aside as "*.corrupt". Errors:
/// the directory cannot be listed or a file not be opened.
Result<Recovered> recover(FileLayer& files, const std::string& directory, const CursorFile& cursor);

}  // namespace plumbline::agent
