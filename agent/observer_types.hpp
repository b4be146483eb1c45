// Private to observer*.cpp.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>

#include "agent/detect/drift_book.hpp"
#include "agent/observer.hpp"
#include "fetch/source_keeper.hpp"

namespace plumbline::agent {

/// A container in which a baseline manages something.
struct Observer::Container {
  Containers::Running running;
  std::shared_ptr<const ContainerRoot> root;
  const wire::Container& told() const { return running.found.container; }
};

/// What a baseline expects, and in which container; nullptr: on the node.
struct Observer::Wanted {
  const baseline::FileExpectation* expected;
  std::shared_ptr<const Container> container;
};

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
  std::int64_t unsettled_since = 0;  ///< boot ns; 0 = its last reading settled
  // Of a file in a pod's volume (observer_pods.cpp):
  std::int64_t managed_since = 0;  ///< boot ns
  bool seen = false;               ///< it was there in this life of the agent
  bool asked = false;              ///< who knows what should be was asked after the change that is looked at
  std::unique_ptr<const baseline::FileExpectation> former;  ///< what it was, and was right by, until the baseline moved
  std::int64_t former_until = 0;                            ///< boot ns; so long kubelet may take to follow
  std::string physical;  ///< where it was when it was last read; "" = it was not there
  std::shared_ptr<const Container> container;               ///< nullptr: it is on the node (observer_containers.cpp)
  /// What the baseline says, where that is "as the image has it"; `expected` is what the image has.
  std::unique_ptr<const baseline::FileExpectation> declared;
  std::string why_no_image;  ///< why nobody can tell what the image has; "" = it is known, or nobody asked

  const std::string& container_id() const;  ///< "" = on the node
  std::string key() const;                  ///< of its row
  static std::string key_of(const Source& source, const baseline::FileExpectation& expected,
                            const Container* container);
  DriftOf drift_of() const;
};

struct Observer::Source {
  Source(baseline::SourceSpec given, const baseline::KeyedHash& its_key) : key(&its_key) { describe(std::move(given)); }
  /// Name and kind tell a source from another, and never change.
  void describe(baseline::SourceSpec given) {
    spec = std::move(given);
    status.name = spec.name;
    status.kind = spec.kind;
    status.path = spec.path;
    status.cluster = spec.cluster;
    status.stale_after = spec.stale_after;
  }

  baseline::SourceSpec spec;
  const baseline::KeyedHash* key;               ///< of the hashes in force
  std::shared_ptr<fetch::SourceKeeper> keeper;  ///< nullptr: the collector keeps it, and hands it to us
  std::string handed;                           ///< digest of the index in force, if the collector handed it
  WallNs since = 0;                             ///< when the revision in force was first taken; 0 = unknown
  const Pattern* pattern = nullptr;             ///< whose match it is; nullptr: it is configured by itself
  std::string version;                          ///< fetch::file_version() before it was last read; "" = elsewhere
  std::optional<WatchId> watch;                 ///< none: it is a location, and somebody else fetches it
  std::optional<WatchId> lock_watch;            ///< of the file by which its tool locks it; none: it has none
  BaselineStatus status;
  baseline::Move move = baseline::Move::none;  ///< fetch::SourceKeeper::last_move() of the last refusal
  bool is_left = false;                        ///< the collector handed it, and does no more
  bool aside = false;                          ///< read by load_aside_: it is large, or once was
  bool any_revision = false;                   ///< somebody said that the next one is meant, whatever its number
  process_key written_by{};                    ///< who wrote its file last, as the kernel side saw; 0 = not known
  LockFile lock;                               ///< that is held; inode 0 = none is
  std::int64_t ask_for_calls_from = 0;         ///< boot ns: when a call may make it be asked again
  int failures = 0;                            ///< in a row
  std::int64_t moved_at = 0;                   ///< boot ns of the first write since it was last read; 0 = none
  std::map<std::string, WatchId> subjects;     ///< Subject::key() → watch
  std::vector<baseline::FileExpectation> in_containers;  ///< what is in force of it for each container that is selected
  std::int64_t retry_at = 0;                             ///< boot ns; 0 = no retry is due
  std::optional<WatchId> pods_watch;   ///< of kubelet's folder of pods; none: it is no source of a node's pods
  std::int64_t pods_moved_at = 0;      ///< boot ns of the first change in it since it was asked; 0 = none
  std::int64_t ask_at = 0;             ///< boot ns of when to fetch it anew; 0 = at its interval
  std::int64_t stack_moves_until = 0;  ///< boot ns: so long AWS may change the stack, and it is asked again
  std::int64_t stack_asked_each = 0;   ///< ns; doubles with each time
  std::int64_t ask_not_before = 0;     ///< boot ns: a flood of changes is no flood of questions
};

/// Sources that are configured by a pattern.
struct Observer::Pattern {
  baseline::SourceSpec spec;
  std::map<std::string, WatchId> folders;  ///< watched, to learn of new matches
  std::deque<std::string> found;           ///< by the last look, and still to be read
  std::string damage;                      ///< why something that was taken of a match is lost; "" = nothing is
  std::string left_out;       ///< why something that matches is not taken, or that nothing matches; "" = fine
  std::string unwatched;      ///< why changes of one of its folders are not seen; "" = they are
  std::string error;          ///< damage, left_out, or that something is still to be read
  std::int64_t look_at = 0;   ///< boot ns of the next look; 0 = none is due
  std::int64_t moved_at = 0;  ///< boot ns of the first change since the last look; 0 = none
};

/// What earlier findings told of a mark.
struct Observer::Told {
  std::uint64_t ino = 0;        ///< slots are used again
  std::uint64_t until = 0;      ///< boot ns of the latest actor
  std::uint32_t handovers = 0;  ///< mark::handovers then
  std::uint64_t raced = 0;      ///< mark::raced then
};
/// A mark of the file itself in the moment of its reading.
struct Observer::Seen {
  NodeMark mark;
  struct mark value{};
  std::uint64_t generation = 0;
};

/// While one lives, sources are not published: that copies all of them, and thousands may move at once.
class Observer::PublishOnce {
 public:
  explicit PublishOnce(Observer& observer) : observer_(observer) { ++observer_.publishing_held_; }
  ~PublishOnce() {
    if (--observer_.publishing_held_ == 0 && std::exchange(observer_.publishing_due_, false))
      observer_.publish_sources();
  }
  PublishOnce(const PublishOnce&) = delete;
  PublishOnce& operator=(const PublishOnce&) = delete;

 private:
  Observer& observer_;
};

/// A finding on its way into the spool.
struct Observer::Pending {
  wire::Finding finding;
  std::optional<wire::Drift> drift;
  std::vector<HandledMark> marks;
  bool baseline_moved = false;  ///< see DriftBook::after()
  bool is_claim = false;        ///< the same
  WatchId watch = 0;            ///< of the file that it is of; 0 = it is of a call
};

/// What is made but not durable yet, since the spool had no room: in order, and nothing new is looked at before it.
struct Observer::Unrecorded {
  std::vector<Pending> findings;
  std::vector<wire::Drift> drifts;
  std::map<std::uint32_t, std::uint64_t> handled;  ///< slot → generation to acknowledge with it
  std::vector<wire::Gap> gaps;
};

/// A difference that is not told yet, and what it will be told with.
struct Observer::Waiting {
  std::vector<Cause> causes;
  std::map<std::uint32_t, std::uint64_t> generations;  ///< slot → generation to acknowledge with it
  std::string source;
  std::string unknown_actor = "found by comparing";
  std::chrono::steady_clock::time_point since;  ///< a fetch that began then or later is an answer
  std::int64_t until = 0;                       ///< boot ns: told then, answer or not
  bool follows = false;                         ///< the baseline moved and kubelet is to follow: no answer changes that
};

inline constexpr std::int64_t source_quiet = 250'000'000;  ///< ns that a source is quiet before it is read
inline constexpr std::int64_t load_budget = 250'000'000;   ///< ns of one turn, where thousands may move at once

/// What a gap calls a step back.
inline const char* gap_reason(baseline::Move move) {
  return move == baseline::Move::backwards ? "baseline_went_back" : "baseline_of_another";
}

/// When to act on something that keeps moving: once it was quiet for `quiet`, but at the latest `longest` after
/// `first`, which is set where it is 0. Nobody puts it off for ever.
inline std::int64_t once_quiet(std::int64_t now, std::int64_t& first, std::int64_t quiet, std::int64_t longest) {
  if (first == 0) first = now;
  return std::min(now + quiet, first + longest);
}

inline const std::string& Observer::Subject::container_id() const {
  static const std::string none;
  return container ? container->told().id : none;
}
inline DriftOf Observer::Subject::drift_of() const {
  return {source->status.name, expected.address, expected.path, container_id()};
}
inline std::string Observer::Subject::key() const {
  return key_of(*source, expected, container.get());
}
inline std::string Observer::Subject::key_of(const Source& source, const baseline::FileExpectation& expected,
                                             const Container* container) {
  return source.status.name + '\n' + expected.address + '\n' + expected.path +
         (container != nullptr ? '\n' + container->told().id : "");
}

}  // namespace plumbline::agent
