// What a managed path looks like now: read so that the answer is one consistent state (DESIGN: "The file is the
// truth").
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/source/container_root.hpp"
#include "agent/source/kernel.hpp"
#include "baseline/keyed_hash.hpp"

namespace plumbline::agent {

struct LiveFile {
  enum class Kind { missing, regular, directory, symlink, other, unreadable };
  Kind kind = Kind::missing;
  std::string trouble;     ///< why it is unreadable, or why it has no digest
  std::uint32_t mode = 0;  ///< permission bits, 07777
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0;
  std::optional<baseline::Sha256> digest;  ///< of a regular file, where asked for and readable
  std::string target;                      ///< of a symlink
  std::vector<std::string> entries;        ///< of a directory, where asked for; at most 65,536
  std::int64_t change_time_ns = 0;         ///< ctime
  bool unsettled = false;                  ///< it kept changing while it was read: ask again
};

struct ReadRequest {
  bool digest = false;
  bool entries = false;
  std::uint64_t max_bytes = 256ull << 20;  ///< larger files get no digest, and say so
  /// Called in each try between the content and the second statx, so that what it notes (the marks' generations) is of
  /// the very state that is returned: a change before or after would have moved the ctime.
  // NOLINTNEXTLINE(readability-redundant-member-init): -Wmissing-field-initializers asks for it
  std::function<void()> in_window = {};
  const char* limit = "limits.max_file_bytes";  ///< where max_bytes comes from
};

/// statx (arms the inode) → lseek(SEEK_HOLE) (waits out a write under way) → read → statx; again while it changes, five
/// times at most. `path` is physical: a symlink in its last place is described, not followed. Never opens devices,
/// FIFOs or sockets; leaves access times alone where the kernel lets it.
LiveFile read_live(Kernel& kernel, const std::string& path, const ReadRequest& request);
/// The same of a path in a container: its users are numbers of the container's. What it has at most of a file read is
/// the caller's to bound: whoever may write there may make it any size.
LiveFile read_live(Kernel& kernel, const ContainerRoot& root, const std::string& path, const ReadRequest& request);

}  // namespace plumbline::agent
