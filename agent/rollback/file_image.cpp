#include "agent/rollback/file_image.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <climits>
#include <utility>

#include "include/util/file_time.hpp"

namespace plumbline::agent {
namespace {

constexpr std::size_t most_attribute_bytes = 65536;  // XATTR_SIZE_MAX and XATTR_LIST_MAX of Linux
constexpr const char* unsafe_way = "a symlink may lead anywhere: name the file by the path that it really has";

std::string self_path(int fd) {
  return "/proc/self/fd/" + std::to_string(fd);
}

/// Of the file itself, in its own words; what may not be read is left out.
std::map<std::string, std::string> attributes_of(int path_fd) {
  const std::string self = self_path(path_fd);
  std::string names(most_attribute_bytes, '\0'), value(most_attribute_bytes, '\0');
  std::map<std::string, std::string> found;
  const ssize_t size = ::listxattr(self.c_str(), names.data(), names.size());
  for (ssize_t at = 0; at < size;) {
    const std::string name(names.c_str() + at);
    at += static_cast<ssize_t>(name.size()) + 1;
    // An overlay's own bookkeeping belongs to its layers, not to the file.
    if (name.starts_with("trusted.overlay.") || name.starts_with("user.overlay.")) continue;
    const ssize_t length = ::getxattr(self.c_str(), name.c_str(), value.data(), value.size());
    if (length >= 0) found.emplace(name, std::string(value.data(), static_cast<std::size_t>(length)));
  }
  OPENSSL_cleanse(value.data(), value.size());
  return found;
}

Result<std::string> content_of(int path_fd, const std::string& path, std::uint64_t size, std::uint64_t max_bytes) {
  const auto too_large = [&] {
    return Error{ErrorCode::unavailable, "keep " + path, "it has more than " + std::to_string(max_bytes) + " bytes",
                 "raise rollback.max_file_bytes"};
  };
  if (size > max_bytes) return too_large();
  const Fd fd(::open(self_path(path_fd).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return io_error("read " + path, errno);
  std::string content(size + 1, '\0');  // one more: to see that it did not grow
  std::size_t had = 0;
  const auto give_up = [&](Error error) -> Result<std::string> {
    OPENSSL_cleanse(content.data(), content.size());
    return error;
  };
  while (had < content.size()) {
    const ssize_t count = ::pread(fd.get(), content.data() + had, content.size() - had, static_cast<off_t>(had));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return give_up(io_error("read " + path, errno));
    if (count == 0) break;
    had += static_cast<std::size_t>(count);
  }
  if (had != size) return give_up({ErrorCode::unavailable, "read " + path, "it changed while it was read", {}});
  content.pop_back();
  return content;
}

Result<struct statx> status_of(int fd, const std::string& path) {
  struct statx status{};
  const int flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  if (::statx(fd, "", flags, STATX_BASIC_STATS | STATX_MNT_ID, &status) != 0) return io_error("stat " + path, errno);
  return status;
}

}  // namespace

FileImage::~FileImage() {
  OPENSSL_cleanse(content.data(), content.size());
}

Result<Place> Place::open(int root, const std::string& path) {
  const auto slash = path.rfind('/');
  if (path.empty() || path.front() != '/' || slash + 1 == path.size())
    return invalid("open the folder of " + path, "it is no absolute path of a file");
  const std::string folder = slash == 0 ? "." : path.substr(1, slash - 1);
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  Fd fd(static_cast<int>(::syscall(SYS_openat2, root, folder.c_str(), &how, sizeof how)));
  if (!fd && (errno == ELOOP || errno == EXDEV))
    return Error{ErrorCode::unsupported, "open the folder of " + path, "there is a symlink on the way", unsafe_way};
  if (!fd) return io_error("open the folder of " + path, errno);
  return Place(std::make_shared<const Fd>(std::move(fd)), path.substr(slash + 1), path);
}

Place Place::beside(const std::string& name) const {
  return {folder_, name, path_.substr(0, path_.rfind('/') + 1) + name};
}

Result<Standing> look(const Place& place, std::uint64_t max_bytes) {
  Standing found;
  found.inode = Fd(::openat(place.folder(), place.name().c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!found.inode && errno == ENOENT) return found;
  if (!found.inode) return io_error("open " + place.path(), errno);
  const auto before = status_of(found.inode.get(), place.path());
  const auto folder = status_of(place.folder(), place.path());
  if (!before) return before.error();
  if (!folder) return folder.error();
  found.number = before->stx_ino;
  found.device[0] = before->stx_dev_major;
  found.device[1] = before->stx_dev_minor;
  found.is_mounted = before->stx_mnt_id != folder->stx_mnt_id;
  FileImage& image = found.image;
  image.uid = before->stx_uid;
  image.gid = before->stx_gid;
  if (S_ISLNK(before->stx_mode)) {
    char target[PATH_MAX];
    const ssize_t size = ::readlinkat(found.inode.get(), "", target, sizeof target);
    if (size < 0) return io_error("read " + place.path(), errno);
    image.kind = FileImage::Kind::symlink;
    image.target.assign(target, static_cast<std::size_t>(size));
    return found;
  }
  if (!S_ISREG(before->stx_mode))
    return Error{ErrorCode::unsupported, "take " + place.path() + " as a file",
                 "a folder, device, FIFO or socket stands there", "look at it, and put it back by hand"};
  if (before->stx_nlink != 1)
    return Error{
        ErrorCode::unsupported, "take " + place.path() + " as a file",
        std::to_string(before->stx_nlink) + " names (hard links) stand for it, of which others may be elsewhere",
        "look at it, and put it back by hand"};
  image.kind = FileImage::Kind::regular;
  image.mode = before->stx_mode & 07777;
  auto content = content_of(found.inode.get(), place.path(), before->stx_size, max_bytes);
  if (!content) return content.error();
  image.content = std::move(*content);
  image.attributes = attributes_of(found.inode.get());
  const auto after = status_of(found.inode.get(), place.path());
  if (!after) return after.error();
  if (ns_of(after->stx_ctime) != ns_of(before->stx_ctime))
    return Error{ErrorCode::unavailable, "read " + place.path(), "it changed while it was read", {}};
  return found;
}

}  // namespace plumbline::agent
