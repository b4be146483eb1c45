#include "agent/detect/live_file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "agent/enrich/digests.hpp"
#include "include/util/fd.hpp"
#include "include/util/file_time.hpp"

namespace plumbline::agent {
namespace {

constexpr int max_tries = 5;
constexpr std::size_t max_entries = 65536;

LiveFile unreadable(const std::string& what, int error) {
  LiveFile live;
  live.kind = error == ENOENT || error == ENOTDIR ? LiveFile::Kind::missing : LiveFile::Kind::unreadable;
  if (live.kind == LiveFile::Kind::unreadable) live.trouble = what + ": " + errno_text(error);
  return live;
}

/// Reopens what an O_PATH descriptor stands for, so that the file which is read is the one that was looked at.
Fd reopen(int path_fd, int flags) {
  const std::string self = "/proc/self/fd/" + std::to_string(path_fd);
  Fd fd(::open(self.c_str(), flags | O_NOATIME | O_CLOEXEC | O_NONBLOCK));
  if (!fd && errno == EPERM) fd = Fd(::open(self.c_str(), flags | O_CLOEXEC | O_NONBLOCK));  // O_NOATIME is the owner's
  return fd;
}

void read_regular(int path_fd, const ReadRequest& request, LiveFile& live) {
  if (!request.digest) return;
  const auto too_large = [&] {
    live.trouble = std::string("larger than ") + request.limit + " (" + std::to_string(request.max_bytes) +
                   "), content not compared";
  };
  if (live.size > request.max_bytes) return too_large();
  const Fd fd = reopen(path_fd, O_RDONLY);
  if (!fd) {
    live.trouble = std::string("open: ") + errno_text(errno);
    return;
  }
  // Change events come before the data is there; this waits for the inode's lock on ext4, xfs, btrfs and tmpfs.
  ::lseek(fd.get(), 0, SEEK_HOLE);
  live.digest = sha256_of_fd(fd.get(), request.max_bytes);
  if (!live.digest && errno == EFBIG) return too_large();
  if (!live.digest) live.trouble = std::string("read: ") + errno_text(errno);
}

void read_directory(int path_fd, const ReadRequest& request, LiveFile& live) {
  if (!request.entries) return;
  Fd fd = reopen(path_fd, O_RDONLY | O_DIRECTORY);
  DIR* directory = fd ? ::fdopendir(fd.get()) : nullptr;
  if (directory == nullptr) {
    live.trouble = std::string("list: ") + errno_text(errno);
    return;
  }
  fd.release();                                         // closedir closes it
  while (const dirent* entry = ::readdir(directory)) {  // NOLINT(concurrency-mt-unsafe): own DIR
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (live.entries.size() == max_entries) {
      live.trouble = "more than 65,536 entries, the rest was not compared";
      break;
    }
    live.entries.push_back(name);
  }
  ::closedir(directory);
  std::sort(live.entries.begin(), live.entries.end());
}

/// `open` gives an O_PATH descriptor of the path.
template <class Open>
LiveFile read_opened(Kernel& kernel, const Open& open, const std::string& path, const ReadRequest& request) {
  LiveFile live;
  for (int tries = 0; tries < max_tries; ++tries) {
    const Fd fd = open();
    if (!fd) return unreadable("open " + path, errno);
    const auto before = kernel.stat(fd.get(), "", AT_EMPTY_PATH);
    if (!before) return unreadable("stat " + path, errno);
    const struct statx& stat = before->stat;
    live = LiveFile{};
    live.mode = stat.stx_mode & 07777;
    live.uid = stat.stx_uid;
    live.gid = stat.stx_gid;
    live.size = stat.stx_size;
    live.change_time_ns = ns_of(stat.stx_ctime);
    if (S_ISREG(stat.stx_mode)) {
      live.kind = LiveFile::Kind::regular;
      read_regular(fd.get(), request, live);
    } else if (S_ISDIR(stat.stx_mode)) {
      live.kind = LiveFile::Kind::directory;
      live.size = 0;  // says nothing, and moves with every entry
      read_directory(fd.get(), request, live);
    } else if (S_ISLNK(stat.stx_mode)) {
      live.kind = LiveFile::Kind::symlink;
      char target[PATH_MAX];
      const ssize_t size = ::readlinkat(fd.get(), "", target, sizeof target);
      if (size > 0) live.target.assign(target, static_cast<std::size_t>(size));
    } else {
      live.kind = LiveFile::Kind::other;
    }
    if (request.in_window) request.in_window();
    const auto after = kernel.stat(fd.get(), "", AT_EMPTY_PATH);
    if (after && after->stat.stx_ctime.tv_sec == stat.stx_ctime.tv_sec &&
        after->stat.stx_ctime.tv_nsec == stat.stx_ctime.tv_nsec && after->stat.stx_size == stat.stx_size)
      return live;
  }
  live.unsettled = true;
  return live;
}

}  // namespace

LiveFile read_live(Kernel& kernel, const std::string& path, const ReadRequest& request) {
  return read_opened(kernel, [&] { return Fd(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)); }, path, request);
}

LiveFile read_live(Kernel& kernel, const ContainerRoot& root, const std::string& path, const ReadRequest& request) {
  const auto look = root.look();
  if (!look) {
    LiveFile live;
    live.kind = LiveFile::Kind::unreadable;
    live.trouble = look.error().message();
    return live;
  }
  LiveFile live = read_opened(kernel, [&] { return look->open(path); }, path, request);
  live.uid = root.uid_inside(live.uid);
  live.gid = root.gid_inside(live.gid);
  return live;
}

}  // namespace plumbline::agent
