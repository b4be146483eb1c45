// SHA-256 of executables, proven to be the very inode that ran.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "include/abi/abi.h"

namespace plumbline::agent {

struct OpenedExecutable {
  int fd = -1;  ///< owned by the caller
  mark_key key{};
  mark_key shown{};  ///< by statx's own numbers: what an executable's inode is on overlay, where `key` is the layer's
  std::uint32_t generation = 0;
  std::int64_t change_time_ns = 0;
};
/// Opens `path` below `root` ("" = this process's own root, the path being one of /proc) without leaving it; nullopt
/// where there is no regular file.
using OpenExecutable = std::function<std::optional<OpenedExecutable>(const std::string& root, const std::string& path)>;

/// Not thread-safe. Remembers the digests of 1,024 inodes (least recently used goes first).
class Digests {
 public:
  explicit Digests(OpenExecutable open) : open_(std::move(open)) {}

  /// What ran, as the kernel side noted it.
  struct Executable {
    mark_key inode{};
    std::uint32_t generation = 0;     ///< 0 = not known
    std::int64_t change_time_ns = 0;  ///< when it was executed; 0 = not known
  };
  /// Where it may be found: "/proc/4711/exe", or "/usr/bin/vi" below a root.
  struct Candidate {
    std::string path;
    std::string root;   ///< "" = the agent's own; "/proc/4700/root"
    bool runs = false;  ///< the kernel lets nobody write to a file that is being executed (ETXTBSY)
  };
  /// The digest of the executable, tried at each candidate in turn; "" where none of them is that inode any more, or
  /// none is proven to hold what ran: who may write a file may put a known program's bytes into it once his own has
  /// ended.
  std::string of(const Executable& executable, const std::vector<Candidate>& candidates);

  /// The digest of what `path` opens, whatever inode that is: for /proc/PID/exe of a process that runs.
  std::string of_path(const std::string& path);

  std::uint64_t unreadable() const { return unreadable_; }

 private:
  std::string remembered(const OpenedExecutable& opened);

  using Id = std::tuple<std::uint32_t, std::uint64_t, std::uint64_t, std::uint32_t, std::int64_t>;
  OpenExecutable open_;
  std::map<Id, std::string> known_;
  std::list<Id> order_;
  std::uint64_t unreadable_ = 0;
};

/// Larger executables get no digest: one that somebody made (sparse, of some TB) would hold the observing thread up.
inline constexpr std::uint64_t max_executable_bytes = 256ull << 20;

/// SHA-256 of the whole file behind `fd`, wherever its offset is; nullopt on a read error, or where there are more than
/// `max_bytes` (EFBIG), which errno then tells.
std::optional<std::array<std::byte, 32>> sha256_of_fd(int fd, std::uint64_t max_bytes);

}  // namespace plumbline::agent
