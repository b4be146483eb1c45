// Which processes are a tool's run of a baseline: whoever holds the lock of its state, or had the very state that is in
// force.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <string>

#include "include/abi/abi.h"

namespace plumbline::agent {

/// What such a process and its children change is `pending` until the baseline shows it (DESIGN section 5): a run is no
/// proof of which tool it is, and needs none of a rule. Not thread-safe; bounded: at `max_runs` the oldest is
/// forgotten, one that is not proven before all others.
class Runs {
 public:
  struct Options {
    std::size_t max_runs = 256;
    std::size_t max_unproven_of_one = 4;        ///< versions that one process says to have had
    std::int64_t lasts_ns = 3'600'000'000'000;  ///< since a process last had the state; a lock lasts until it is gone
  };
  Runs() : Runs(Options{}) {}
  explicit Runs(const Options& options) : options_(options) {}

  /// `by` made the lock's file, as the kernel side saw; there is one lock.
  void locked(const std::string& baseline, const mark_actor& by);
  void unlocked(const std::string& baseline, std::uint64_t at_boot_ns);

  /// `by` was answered with the state, or wrote it; `version` names what it was (an ETag). Any process may say that it
  /// talked to a store, so that counts once the agent itself has fetched that version from there.
  /// Whether it does already.
  bool had_state(const std::string& baseline, const mark_actor& by, const std::string& version, bool wrote);
  /// The agent fetched the state, and that is its version now.
  void fetched(const std::string& baseline, const std::string& version);
  /// The baseline is configured no more.
  void forget(const std::string& baseline);

  struct Found {
    std::string says;  ///< what makes it one, for people
    process_key process{};
  };
  /// Which of these processes is a run at that time (boot ns); nullopt where none is.
  std::optional<Found> find(const std::string& baseline, std::span<const process_key> lineage,
                            std::uint64_t at_boot_ns) const;

  /// Whether the version that the agent fetched last is what this process wrote.
  bool wrote(const std::string& baseline, const process_key& process) const;

  std::uint64_t forgotten() const { return forgotten_; }  ///< to make room
  std::size_t size() const { return runs_.size(); }

 private:
  struct Run {
    std::string baseline;
    process_key process{};
    std::string name;     ///< what the process calls itself
    std::string version;  ///< of the state that it had; "" = it holds a lock
    bool wrote = false;
    bool is_proven = false;  ///< the agent saw the lock, or fetched that version
    std::uint64_t from = 0;  ///< boot ns
    std::uint64_t until = 0;
  };
  void add(Run&& run);

  const Options options_;
  std::list<Run> runs_;                                      // the oldest first
  std::list<std::pair<std::string, std::string>> versions_;  // baseline → what was last fetched
  std::uint64_t forgotten_ = 0;
};

}  // namespace plumbline::agent
