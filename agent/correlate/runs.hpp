// Which processes are a tool's run of a baseline: whoever holds the lock of its state, or had the very state that is in
// force.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "include/abi/abi.h"

namespace plumbline::agent {

/// Which file a lock is.
struct LockFile {
  std::uint64_t inode = 0;
  std::int64_t changed = 0;  ///< its change time (WallNs)
};

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
  void locked(const std::string& baseline, const mark_actor& by, const LockFile& file = {});
  /// `by` holds it, as the kernel's table of locks says, since `at_boot_ns`.
  void locked(const std::string& baseline, const process_key& by, const std::string& name, std::uint64_t at_boot_ns,
              const LockFile& file);
  /// Whether somebody is known to hold that very lock.
  bool holds(const std::string& baseline, const LockFile& file) const;
  void unlocked(const std::string& baseline, std::uint64_t at_boot_ns);

  /// `by` was answered with the state, or wrote it; `version` names what it was (an ETag). Any process may say that it
  /// talked to a store, so that counts once the agent itself has fetched that version from there.
  /// Whether it does already.
  bool had_state(const std::string& baseline, const mark_actor& by, const std::string& version, bool wrote);
  /// `by` took the lock of a state that is kept elsewhere, or let go of it. Any process may say so, too: a lock counts
  /// once its holder has proven that it had the state, and then as long as it holds it; who lets go is a run no more.
  void leased(const std::string& baseline, const mark_actor& by, bool held);
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

  /// Of what a run changed last, whose doing it was.
  void did(const std::string& baseline, const std::string& resource, const process_key& process);
  std::optional<process_key> who_did(const std::string& baseline, const std::string& resource) const;

  /// Whether the version that the agent fetched last is what this process wrote.
  bool wrote(const std::string& baseline, const process_key& process) const;

  std::uint64_t forgotten() const { return forgotten_; }  ///< to make room
  std::size_t size() const { return runs_.size(); }

  struct Run {
    std::string baseline;
    process_key process{};
    std::string name;     ///< what the process calls itself
    std::string version;  ///< of the state that it had; "" = it holds a lock
    bool wrote = false;
    bool is_proven = false;  ///< the agent saw the lock, or fetched that version
    std::uint64_t from = 0;  ///< boot ns
    std::uint64_t until = 0;
    LockFile lock = {};  ///< that it holds
  };
  using Did = std::map<std::pair<std::string, std::string>, process_key>;  ///< baseline, resource → its latest
  /// What the next agent has to know, in the same life of the machine: nothing of it is secret.
  struct Kept {
    std::vector<Run> runs;  ///< proven ones alone, the oldest first
    Did did;
  };
  Kept keep() const;
  /// Of whoever still runs (`is_alive`). A lock that is kept elsewhere may have been let go of meanwhile, which nobody
  /// saw: its holder is a run for as long as it is one for having had the state.
  void take_over(Kept&& kept, const std::function<bool(const process_key&)>& is_alive);
  /// Moves with whatever keep() would tell.
  std::uint64_t changes() const { return changes_; }

 private:
  void add(Run&& run);
  void prove_lock(const std::string& baseline, const process_key& process);

  const Options options_;
  std::list<Run> runs_;                                      // the oldest first
  std::list<std::pair<std::string, std::string>> versions_;  // baseline → what was last fetched
  Did did_;
  std::uint64_t forgotten_ = 0;
  std::uint64_t changes_ = 0;
};

}  // namespace plumbline::agent
