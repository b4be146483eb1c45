// Private to observer*.cpp.
#pragma once

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
  baseline::SourceSpec spec;
  WatchId watch = 0;
  BaselineStatus status;
  std::map<std::string, WatchId> subjects;  ///< Subject::key() → watch
  std::int64_t retry_at = 0;                ///< boot ns; 0 = no retry is due
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
