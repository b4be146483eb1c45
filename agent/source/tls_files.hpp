// The files of this node that have TLS in them: each is looked at once, and hooked where it has.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "agent/source/capture.hpp"
#include "agent/source/written_files.hpp"
#include "include/util/clock.hpp"
#include "include/util/fd.hpp"

struct stat;

namespace plumbline::agent {

/// What is known of one file, for people.
struct TlsFileRow {
  std::string path;   ///< as it was found
  std::string stack;  ///< TlsFunctions::stack; "" = none
  std::string error;  ///< why it is not hooked though it has, or may have; "" = it is
  std::size_t hooks = 0;
};

/// A hooked file is written to, or that is over; or a file came into a folder that is watched.
struct TlsFileChange {
  int number = -1;  ///< inotify's; -1: some changes were not told
  bool is_over = false;
  std::string name;  ///< in the folder; "" = it is about the file itself
};

/// One thread calls all but what says otherwise.
class TlsFiles {
 public:
  struct Options {
    std::size_t max_hooked = 1024;  ///< files; more are refused, and told
    std::size_t max_refused =
        1'000;  ///< files that have and are not hooked; later ones are counted, and looked at again
    std::size_t max_known = 200'000;     ///< files that have none; beyond it all are looked at again
    std::string why_no_return_probes{};  ///< why files are refused that need them; "" = they are harmless
    std::size_t max_folders = 4096;      ///< watched for files that come; more are counted
    bool own_mounts =
        true;  ///< hook files through mounts of our own, where that can be, so that others can unmount theirs
    /// … of one overlay or file system of memory, which is one container's: it takes no other's places.
    std::size_t max_hooked_of_one = 256;
  };
  /// `clock`: for how long files are written into.
  TlsFiles(Capture& capture, Options options, const Clock& clock = system_clock);
  ~TlsFiles();
  TlsFiles(const TlsFiles&) = delete;
  TlsFiles& operator=(const TlsFiles&) = delete;

  /// The file at a place that was opened with O_PATH, for reading; none where it is anything else: to open a device may
  /// be to use it, and names are chosen by containers too. Any thread.
  static Fd reopened(const Fd& place);
  /// The path of an open file now, as it is called in its own mount namespace; for people. Of one that was opened by a
  /// link of /proc too. Any thread.
  static std::string path_of(const Fd& file);
  /// Looks end soon after this is requested, in the middle of a file too, whatever that claims; before the first look.
  void set_stop(std::stop_token stop) { stop_ = std::move(stop); }
  /// Looks at an open file. `path` is for people. True: it is hooked, by this look or an earlier one.
  bool look(int fd, const std::string& path);
  struct Below {
    std::string path;                                    ///< of the folder; for people, unless its folders are watched
    std::function<void()> between;                       ///< called after every file
    std::function<bool(std::string_view name)> wants{};  ///< which files are looked at; none = all
    /// Whether what comes into the folder itself, and into those with hooked files, is looked at when it does. Then
    /// `path` is one that can be opened at any time.
    bool watch = false;
  };
  /// Looks at every file below a folder, without leaving its file system and without following symlinks.
  void look_below(Fd folder, const Below& below, const std::stop_token& stop);
  /// Looks at what a process executes and what it has mapped executable. `folder` is its own: "/proc/PID".
  void look_at_process(const std::string& folder);
  /// Becomes readable when hooked files are written to, or files come; owned by this. Any thread.
  int changed_fd() const { return changes_.get(); }
  /// What became of them; never waits. Any one thread.
  std::vector<TlsFileChange> read_changes() const;
  /// Ends the hooks of a file that is written to at once, since they would stand in the middle of another program's
  /// instructions, until look_at_written(). Looks at a file that came.
  void follow(const TlsFileChange& change);
  /// Looks again at files whose writer is done, or has not written for a second; see WrittenFiles.
  void look_at_written();
  /// How long until it has something to do, in ms; -1 = until something changes.
  int wait_ms() const { return written_.wait_ms(); }
  /// Nothing is looked at any more.
  void end_written() { written_.end_all(); }
  std::vector<UnhookedFile> written_now() const { return written_.now(); }     ///< any thread
  std::vector<UnhookedFile> take_unhooked() { return written_.take_ended(); }  ///< as take_ended(); any thread
  /// Ends the hooks that were made through file systems that are unmounted, by their device numbers (st_dev): a hook
  /// keeps its file system alive. True: there were some.
  bool forget_devices(const std::set<std::uint64_t>& devices);
  /// Ends all hooks at once, on several threads: each takes tens of ms to end. For good.
  void unhook_all();

  std::vector<TlsFileRow> rows() const;  ///< those that are hooked, or were refused
  struct Counters {
    std::atomic<std::uint64_t> looked{0};  ///< at content, for the first time
    std::atomic<std::uint64_t> hooked{0};
    std::atomic<std::uint64_t> refused{0};    ///< broken, of a kind that is not known, or one too many
    std::atomic<std::uint64_t> forgotten{0};  ///< looks beyond max_known
    std::atomic<std::uint64_t> came{0};       ///< files that came into watched folders
    std::atomic<std::uint64_t> written{0};    ///< times when hooks ended, as somebody wrote into the file
    std::atomic<std::uint64_t> let_go{0};     ///< … which then made room for others, and are not looked at again
    std::atomic<std::uint64_t> unwatched{0};  ///< folders that could not be watched, or are too many
  };
  const Counters& counters() const { return counters_; }

 private:
  void begin_written(WrittenFiles::File file);
  /// Overlayfs shows one inode under many devices, with the number, size and change time of the real one. A change time
  /// cannot be set, and on a disk nobody chooses the number of an inode; where one can, in file systems of memory, the
  /// device counts too. An overlay of somebody's own over such a one is not told from others.
  using Identity =
      std::tuple<std::uint64_t, std::uint64_t, std::int64_t, std::uint64_t>;  // device, inode, ctime ns, size
  struct Known {
    TlsFileRow row;
    Fd file;  ///< of one that is hooked
    std::unique_ptr<Hooked> hooked;
    int number = -1;           ///< inotify's
    std::uint64_t device = 0;  ///< as it was seen
  };
  inline static const SystemClock system_clock;
  static Identity identity_of(const struct stat& status, bool is_of_memory);
  static bool is_now(int fd, const Identity& identity);
  void look_at_hooked_again();
  bool is_known(const Identity& identity, bool& is_hooked) const;
  void watch(int folder, const std::string& path);
  bool look_at_content(int fd, const std::string& path, const Identity& identity);
  void forget_former(const Identity& identity);
  void forget(const std::function<bool(const Identity& identity, Known& known)>& is_gone);
  std::size_t count(bool hooked) const;
  std::size_t count_of(std::uint64_t device) const;
  std::string why_no_place(int fd, std::uint64_t device);
  struct Walk {
    std::uint64_t device = 0;
    const std::stop_token& stop;
    const Below& below;
  };
  void look_below(int folder, const std::string& path, const Walk& walk, int depth);
  bool look_at_entry(int folder, const std::string& name, const std::string& path);

  Capture& capture_;
  const Options options_;
  Counters counters_;
  std::stop_token stop_;
  const Fd changes_;                    // inotify
  std::optional<Identity> own_;         // of the agent's program, whose connections nobody looks at
  WrittenFiles written_;                // files that were hooked
  std::map<int, std::string> folders_;  // inotify's number → a watched folder
  std::set<Identity> nothing_;          // what was looked at and has none
  mutable std::mutex mutex_;            // guards known_
  std::map<Identity, Known> known_;
};

}  // namespace plumbline::agent
