// Hooked files that somebody writes into: without hooks meanwhile, which is told, and for no longer than it takes.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "include/util/clock.hpp"
#include "include/util/fd.hpp"

namespace plumbline::agent {

/// A stretch in which a file that has TLS was not hooked.
struct UnhookedFile {
  std::string path;
  WallNs from = 0, until = 0;  ///< until 0: still
};

/// A file is looked at again as soon as its writer closes it, or has not written for `quiet_ns` though it is still
/// open. Who makes that happen again and again is waited for longer each time, up to `longest_quiet_ns`: a hook takes
/// tens of ms to end. One thread, but for what says otherwise. Times are Clock::boot()'s.
class WrittenFiles {
 public:
  static constexpr std::int64_t quiet_ns = 1'000'000'000;
  static constexpr std::int64_t longest_quiet_ns = 64 * quiet_ns;
  static constexpr int free_tries = 4;                         ///< that are not waited for longer
  static constexpr std::int64_t forgiven_ns = 600 * quiet_ns;  ///< after which tries count anew
  static constexpr std::size_t max_ended = 256;                ///< stretches that wait to be told
  static constexpr std::size_t max_files = 256;                ///< past it the first is let go of

  struct File {
    Fd file;
    std::string path;
    std::uint64_t device = 0;  ///< as it was seen
    int number = -1;           ///< inotify's
    bool is_closed = false;    ///< by its writer, and not written since
  };
  explicit WrittenFiles(const Clock& clock) : clock_(clock) {}

  /// Its hooks ended just now. Returns one that makes room: its stretch ends, and it is looked at no more before
  /// somebody maps or executes it.
  std::optional<File> begin(File file);
  /// Somebody writes into it, still. None of these: nothing.
  void on_written(int number);
  /// A writer is done.
  void on_closed(int number);
  /// Those that are to be looked at now; their stretch ends.
  std::vector<File> take_due();
  /// How long until take_due() has one, in ms, 0 = it has; -1 = none waits.
  int wait_ms() const;
  bool contains(int number) const;
  /// Whether this is one of them, by what is_same says of it.
  template <class IsSame>
  bool has(const IsSame& is_same) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [number, each] : files_)
      if (is_same(each.file.file.get())) return true;
    return false;
  }
  /// All stretches end: nobody looks from now on.
  void end_all();
  /// Those of file systems that are unmounted.
  void forget_devices(const std::set<std::uint64_t>& devices);

  std::vector<UnhookedFile> now() const;  ///< any thread
  /// Stretches that ended since this was last asked. Where they are too many, the last has the time and names of what
  /// it stands for: "PATH and 3 others". Any thread.
  std::vector<UnhookedFile> take_ended();

 private:
  struct Written {
    File file;
    WallNs since = 0;
    std::int64_t due = 0;
  };
  struct History {
    int tries = 0;
    std::int64_t last = 0;
  };
  std::int64_t quiet_of(int number) const;
  void end(const Written& written);

  const Clock& clock_;
  std::map<int, History> history_;  // inotify's number → how often it was looked at again
  mutable std::mutex mutex_;        // guards what follows
  std::map<int, Written> files_;    // by inotify's number
  std::vector<UnhookedFile> ended_;
  std::size_t more_ended_ = 0;  // that the last of them stands for
};

}  // namespace plumbline::agent
