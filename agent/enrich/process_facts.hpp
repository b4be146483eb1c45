// Where processes come from: the kernel side's table first, /proc for what is not in it and still runs.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "include/abi/abi.h"

namespace plumbline::agent {

/// The kernel side's process table; the Kernel in the agent, a map in tests.
class ProcessSource {
 public:
  virtual ~ProcessSource() = default;
  /// Every process in the table, those that ended too.
  virtual std::vector<process_key> list_processes() const = 0;
  virtual std::optional<process> find_process(const process_key& key) const = 0;
  virtual std::optional<image> find_image(const image_key& key) const = 0;
};

/// One process, raw. Empty or 0 = not known.
struct ProcessFacts {
  process_key key{};
  process_key parent{};
  image_key parent_image{};  ///< what the parent executed when it forked; exec_boot_ns 0 = not known
  std::string exe;           ///< path in its own root
  bool exe_cut = false;      ///< it is the end of a longer path
  mark_key exe_inode{};
  std::uint32_t exe_generation = 0;
  std::int64_t exe_ctime_ns = 0;  ///< inode change time of exe when it was executed; 0 = not known
  std::string comm;
  std::vector<std::string> argv;
  bool argv_cut = false;
  std::uint32_t uid = 0;
  std::uint32_t login_uid = 0xffffffff;
  std::uint32_t mount_ns = 0;
  std::uint64_t cgroup_id = 0;
  std::uint64_t cgroup_v1_id = 0;
  std::string tty;
  bool pid_ns_init = false;
  std::uint64_t image_boot_ns = 0;  ///< when the image was loaded; 0 = not in the table
};

/// One and the same, also where the pid was used again.
inline bool same_process(const process_key& a, const process_key& b) {
  return a.tgid == b.tgid && a.start_boot_ns == b.start_boot_ns;
}
/// USER_HZ is 100 on every architecture that we build for.
inline constexpr std::uint64_t ns_per_tick = 10'000'000;
/// The same where the start of one of them is known to the clock tick only, as /proc shows it.
inline bool same_process_by_tick(const process_key& a, const process_key& b) {
  return a.tgid == b.tgid && a.start_boot_ns / ns_per_tick == b.start_boot_ns / ns_per_tick;
}
inline process_key process_of(const mark_actor& actor) {
  return {actor.start_boot_ns, actor.tgid, 0};
}

/// Whether /proc/PID is this very process (same start, to the clock tick) at the time of the call.
bool is_running(const std::string& proc_root, const process_key& key);

/// "vi\0bin\0usr\0" → "/usr/bin/vi".
std::string path_of_components(const char* components, std::size_t length);
/// NUL-separated argv → list; a last piece without its NUL counts.
std::vector<std::string> split_argv(const char* bytes, std::size_t length);

/// Processes by (pid, start). What was started before the agent is in the kernel side's table without its image; that
/// is read from /proc once, while the process lives, and kept here: children that never executed anything share it, and
/// it may be gone when a change is reported. Not thread-safe.
class ProcessTable {
 public:
  /// `source` outlives it.
  ProcessTable(const ProcessSource& source, std::string proc_root);

  /// nullopt where neither the table nor /proc knows it: it ended and its entry had to make room. `as_of`: the image
  /// that is meant, where it is known (exec_boot_ns != 0); else the one that the process has now.
  std::optional<ProcessFacts> find(const process_key& key, const image_key& as_of = {});

  /// Inode number of the mount namespace of the process with this pid in the table; 0 = it is not there.
  std::uint32_t mount_ns_of(std::uint32_t pid) const;

  /// Who has this number now, with its exact start; nullopt where the table does not know it.
  std::optional<ProcessFacts> running(std::uint32_t pid);

  /// Reads the images of everybody who runs now and was started before the agent; about 50 us a process.
  void remember_running();

 private:
  struct Image {
    std::string exe;
    std::vector<std::string> argv;
    bool argv_cut = false;
  };
  using ImageId = std::pair<std::uint64_t, std::uint32_t>;  ///< image_key: when it was loaded, by whom
  const Image* image_of(const process_key& key, const process& known, const image_key& image);

  const ProcessSource& source_;
  const std::string proc_root_;
  // Bounded; emptied at their bounds.
  std::map<ImageId, Image> images_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, ProcessFacts> outside_;  ///< by process_key: in no table, alive
};

/// From /proc/PID alone (start time checked to the clock tick, which is all that /proc shows).
std::optional<ProcessFacts> read_proc(const std::string& proc_root, const process_key& key);

/// As above for a pid whose start is not known; key.start_boot_ns is then exact only to the clock tick.
std::optional<ProcessFacts> read_proc(const std::string& proc_root, std::uint32_t pid);

}  // namespace plumbline::agent
