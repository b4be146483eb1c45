#include "agent/detect/image_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <string>

#include "agent/enrich/digests.hpp"

namespace plumbline::agent {

Result<ImageExpectation> expectation_of_image(const baseline::FileExpectation& declared, const ImageLayers& image,
                                              bool has_hosts_users, std::uint64_t max_bytes) {
  const std::string what = "look for what the image holds at " + declared.path;
  auto found = image.find(declared.path);
  if (!found) return found.error();
  ImageExpectation result{declared, found->is_certain};
  baseline::FileExpectation& expected = result.expected;
  if (!found->file) {
    expected.absent = true;
    return result;
  }
  const int fd = found->file.get();
  struct stat status{};
  if (::fstat(fd, &status) != 0) return io_error(what, errno);
  if (has_hosts_users) {
    expected.owner = std::to_string(status.st_uid);
    expected.group = std::to_string(status.st_gid);
  }
  if (S_ISLNK(status.st_mode)) {
    char target[PATH_MAX];
    const ssize_t size = ::readlinkat(fd, "", target, sizeof target);
    if (size < 0) return io_error(what, errno);
    expected.symlink_target = std::string(target, static_cast<std::size_t>(size));
    return result;
  }
  if (!S_ISREG(status.st_mode))
    return Error{ErrorCode::unsupported, what,
                 S_ISDIR(status.st_mode) ? "it has a directory there" : "it has a special file there",
                 "name files of the image"};
  expected.mode = status.st_mode & 07777;
  const Fd file(::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  const auto digest = file ? sha256_of_fd(file.get(), max_bytes) : std::nullopt;
  if (!digest && errno == EFBIG)
    return Error{ErrorCode::unsupported, what, "it is larger than limits.max_container_file_bytes", "raise that limit"};
  if (!digest) return io_error(what, errno);
  expected.content = "sha256:" + baseline::to_hex(*digest);
  return result;
}

}  // namespace plumbline::agent
