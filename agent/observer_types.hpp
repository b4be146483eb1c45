// Private to observer*.cpp.
#pragma once

#include "agent/correlate/source_keeper.hpp"
#include "agent/observer.hpp"

namespace plumbline::agent {

/// One managed file of one owner.
struct Observer::Subject {
  WatchId watch = 0;
  Source* source = nullptr;
  baseline::FileExpectation expected;
  LiveFile live;
  Comparison comparison;
  std::vector<NodeMark> leaf;  ///< inodes that stood for the path when it was last read
  WallNs last_checked = 0;
  std::string unwatched;
  bool checked = false;

  std::string key() const { return expected.address + '\n' + expected.path; }
};

struct Observer::Source {
  Source(const baseline::SourceSpec& spec, const std::string& folder, const baseline::KeyedHash& key)
      : keeper(spec, folder, key) {
    status.name = spec.name;
    status.kind = spec.kind;
    status.path = spec.path;
    status.stale_after = spec.stale_after;
  }

  SourceKeeper keeper;
  const Pattern* pattern = nullptr;  ///< whose match it is; nullptr: it is configured by itself
  WatchId watch = 0;
  BaselineStatus status;
  bool any_revision = false;                ///< somebody said that the next one is meant, whatever its number
  int failures = 0;                         ///< in a row
  std::map<std::string, WatchId> subjects;  ///< Subject::key() → watch
  std::int64_t retry_at = 0;                ///< boot ns; 0 = no retry is due
};

/// Sources that are configured by a pattern.
struct Observer::Pattern {
  baseline::SourceSpec spec;
  std::set<std::string> folders;  ///< watched, to learn of new matches
  std::vector<WatchId> watches;   ///< of them
  std::string error;              ///< of the last look; "" = fine
  std::int64_t look_at = 0;       ///< boot ns of the next look; 0 = none is due
};

/// A finding on its way into the spool.
struct Observer::Pending {
  wire::Finding finding;
  std::optional<wire::Drift> drift;
  std::vector<HandledMark> marks;
  bool baseline_moved = false;  ///< see DriftBook::after()
};

/// What is made but not durable yet, since the spool had no room: in order, and nothing new is looked at before it.
struct Observer::Unrecorded {
  std::vector<Pending> findings;
  std::vector<wire::Drift> drifts;
  std::map<std::uint32_t, std::uint64_t> handled;  ///< slot → generation to acknowledge with it
  std::vector<wire::Gap> gaps;
};

}  // namespace plumbline::agent
