// Where processes come from: the kernel side's table first, /proc for what is not in it and still runs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "include/abi/abi.h"

namespace plumbline::agent {

/// The kernel side's process table; the Kernel in the agent, a map in tests.
class ProcessSource {
 public:
  virtual ~ProcessSource() = default;
  virtual std::optional<process> find_process(const process_key& key) const = 0;
  virtual std::optional<image> find_image(const image_key& key) const = 0;
};

/// One process, raw. Empty or 0 = not known.
struct ProcessFacts {
  process_key key{};
  process_key parent{};
  std::string exe;  ///< path in its own root
  bool exe_cut = false;
  mark_key exe_inode{};
  std::uint32_t exe_generation = 0;
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

/// Whether /proc/PID is this very process (same start, to the clock tick) at the time of the call.
bool is_running(const std::string& proc_root, const process_key& key);

/// "vi\0bin\0usr\0" → "/usr/bin/vi".
std::string path_of_components(const char* components, std::size_t length);
/// NUL-separated argv → list; a last piece without its NUL counts.
std::vector<std::string> split_argv(const char* bytes, std::size_t length);

/// Looks a process up by (pid, start), table first, then `proc_root` ("/proc"); nullopt where neither knows it: it
/// ended and its entry had to make room.
std::optional<ProcessFacts> find_facts(const ProcessSource& source, const std::string& proc_root,
                                       const process_key& key);

/// From /proc/PID alone (start time checked to the clock tick, which is all that /proc shows).
std::optional<ProcessFacts> read_proc(const std::string& proc_root, const process_key& key);

/// As above for a pid whose start is not known; key.start_boot_ns is then exact only to the clock tick.
std::optional<ProcessFacts> read_proc(const std::string& proc_root, std::uint32_t pid);

}  // namespace plumbline::agent
