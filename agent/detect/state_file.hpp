// The agent's own snapshot: drift as of one spool sequence. With the spool's later records it is the whole state, so a
// restart changes nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "include/util/result.hpp"
#include "include/wire/finding.hpp"
#include "include/wire/record.hpp"

namespace plumbline::agent {

struct Snapshot {
  std::uint64_t sequence = 0;  ///< covers every record up to this one
  std::vector<wire::Drift> drifts;
};

/// Writes beside, fsyncs, renames: the old one or the new one is there, never half of one.
Result<void> write_snapshot(const std::string& path, const Snapshot& snapshot);

/// `not_found` = the first start. `corrupt` names what is wrong; the caller keeps the file aside and goes on from the
/// spool and a scan.
Result<Snapshot> read_snapshot(const std::string& path);

/// One acknowledged change of a mark, as a record's body carries it: what a replay needs to know it was handled.
struct HandledMark {
  std::uint64_t epoch = 0;
  std::uint64_t ino = 0;
  std::uint64_t subvolume = 0;
  std::uint32_t dev = 0;
  std::uint64_t generation = 0;  ///< mark_state.pending that the finding covers
  /// inode->i_generation, since inode numbers are reused; nullopt in records of agents that did not note it.
  std::optional<std::uint32_t> inode_generation;
};

/// {"finding": …, "drift": … or null, "marks": [[epoch, dev, ino, subvolume, generation, inode_generation], …]};
/// numbers as hex strings, since JSON readers cut 64-bit numbers.
std::string finding_body(const wire::Finding& finding, const wire::Drift* drift, const std::vector<HandledMark>& marks);
std::string drift_body(const wire::Drift& drift);
std::string gap_body(const wire::Gap& gap);

struct Replayed {
  std::vector<wire::Finding> findings;
  std::vector<wire::Drift> drifts;
  std::vector<wire::Gap> gaps;
  std::vector<HandledMark> marks;
};
/// Reads one record back. Errors name the record; the caller counts it and goes on.
Result<void> replay(const wire::Record& record, Replayed& into);

}  // namespace plumbline::agent
